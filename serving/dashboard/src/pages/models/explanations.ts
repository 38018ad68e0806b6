// What each score means, for a person who has not met it; by the title of its group in `metrics`.

export interface Explained {
  readonly term: string;
  readonly meaning: string;
}

export const EXPLANATIONS: Readonly<Record<string, readonly Explained[]>> = {
  "Expected return": [
    {
      term: "Return R²",
      meaning:
        "The share by which squared errors are smaller than those of a forecast of no return. The returns of one session are nearly all noise: +0.1 % is much, and slightly negative is what honest forecasts score where there is nothing to find.",
    },
    {
      term: "Historical mean",
      meaning: "The average return up to that day, forecast every day. To beat it is skill; to beat zero may be drift.",
    },
    {
      term: "Clark-West p",
      meaning:
        "How likely so good a result is if the model's mean knew nothing more than the baseline. It allows for the noise of a fitted model, so it can be small while R² is negative; that is called a trace. Below 0.05 counts.",
    },
    {
      term: "Diebold-Mariano",
      meaning:
        "The mean difference of squared errors in standard errors, with their autocorrelation: positive where the model loses more than the historical mean does.",
    },
  ],
  "Direction and probability": [
    {
      term: "Right direction",
      meaning:
        "How often the sign of the forecast was right. Always saying the commoner direction is right as often as the base rate, so only what is above that counts; within two standard errors nobody can tell.",
    },
    {
      term: "Brier score, log score",
      meaning:
        "How far probabilities of a gain were from what came: lower is better, and both are least for the true probability. The baseline always says the share of gains known at the time.",
    },
    {
      term: "At least 60 % sure",
      meaning:
        "Of the forecasts that gave a direction 60 % or more, the share that was right. Honest models of daily returns are seldom that sure.",
    },
    {
      term: "Calibration error",
      meaning:
        "The mean distance between the probability said and the share that came, in ten bins. Perfect probabilities score above zero too, so compare it between models of the same days only.",
    },
  ],
  Volatility: [
    {
      term: "QLIKE",
      meaning:
        "The loss of a variance forecast; too low is punished more than too high. Its level depends on the ticker: read along the row. Lower is better.",
    },
    {
      term: "EWMA(0.94), GARCH(1,1), log-HAR",
      meaning:
        "Volatility forecasts that cost nothing: an average that forgets 6 % a session, the textbook model of clustering, and a regression on the last day's, week's and month's volatility.",
    },
    {
      term: "R² of the log variance",
      meaning:
        "The share by which squared errors of the log variance are smaller than that baseline's. It weighs calm and wild days alike, QLIKE does not: the two can disagree.",
    },
  ],
  Intervals: [
    {
      term: "Inside the interval",
      meaning:
        "Of a hundred outcomes ninety should fall inside a 90 % interval. The ± is one standard error of as many independent outcomes; more than two off is not chance.",
    },
    {
      term: "Worst 63 running",
      meaning:
        "The least share inside the 90 % interval over any 63 sessions in a row. Among some thousand overlapping quarters perfect intervals come to about 80 % at some time.",
    },
    {
      term: "Interval score",
      meaning:
        "The width of the interval plus a fine for each miss: wide intervals that always hold score badly, and so do narrow ones. Lower is better.",
    },
  ],
  "Price level": [
    {
      term: "Price R²",
      meaning:
        "It is here only because others advertise it. A price is close to the price of the day before, so whoever repeats that scores nearly 1 without knowing anything. Neither figure says whether a return can be forecast.",
    },
  ],
};
