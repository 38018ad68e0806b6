// A sentence with `commands` in it.

export function Worded({ text }: { text: string }) {
  return (
    <>
      {text.split("`").map((part, k) =>
        // Every other part stood between backticks.
        k % 2 === 1 ? <code key={part}>{part}</code> : part,
      )}
    </>
  );
}
