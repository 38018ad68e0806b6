// The viewer's choices, behind one button.

import { type Colours, prefer, preferences, type Theme } from "./preferences";

const THEMES: readonly { value: Theme; text: string }[] = [
  { value: "system", text: "As the system" },
  { value: "light", text: "Light" },
  { value: "dark", text: "Dark" },
];
const COLOURS: readonly { value: Colours; text: string }[] = [
  { value: "safe", text: "Blue and orange (safe for colour-blind eyes)" },
  { value: "classic", text: "Green and red" },
];

export function Settings() {
  return (
    <details class="settings">
      <summary aria-label="Settings" title="Settings">
        <span aria-hidden="true">⚙</span>
      </summary>
      <div class="settings-body">
        <Choice
          legend="Theme"
          name="theme"
          choices={THEMES}
          chosen={preferences.value.theme}
          choose={(theme) => prefer({ theme })}
        />
        <Choice
          legend="Up and down"
          name="colours"
          choices={COLOURS}
          chosen={preferences.value.colours}
          choose={(colours) => prefer({ colours })}
        />
      </div>
    </details>
  );
}

function Choice<T extends string>(props: {
  legend: string;
  name: string;
  choices: readonly { value: T; text: string }[];
  chosen: T;
  choose: (value: T) => void;
}) {
  return (
    <fieldset>
      <legend>{props.legend}</legend>
      {props.choices.map(({ value, text }) => (
        <label key={value}>
          <input
            type="radio"
            name={props.name}
            value={value}
            checked={props.chosen === value}
            onChange={() => props.choose(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
