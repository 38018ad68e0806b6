// Where the axes of charts begin and end.

/** The range of a logarithmic axis: out to the next number of one digit, where the chart's own way is a power of ten. */
export function logarithmicRange(least: number, greatest: number): [number, number] {
  return [oneDigit(least, Math.floor), oneDigit(greatest, Math.ceil)];
}

function oneDigit(value: number, round: (value: number) => number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  // A rounding error must not make a digit of its own.
  const digits = round(Number((value / power).toPrecision(12)));
  return Number((digits * power).toPrecision(1));
}
