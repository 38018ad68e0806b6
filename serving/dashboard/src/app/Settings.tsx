// The viewer's choices, behind one button.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import "./Settings.css";
import { allowNotifications, permission } from "./notifications";
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
  const { theme, colours } = preferences.value;
  return (
    <Popup label="Settings" sign="⚙">
      <Choice
        legend="Theme"
        name="theme"
        choices={THEMES}
        chosen={theme}
        choose={(value) => prefer({ theme: value })}
      />
      <Choice
        legend="Up and down"
        name="colours"
        choices={COLOURS}
        chosen={colours}
        choose={(value) => prefer({ colours: value })}
      />
      <Notifications />
    </Popup>
  );
}

function Notifications() {
  const { notify, notifyProvisional } = preferences.value;
  const told = permission.value;
  const on = notify && told === "granted";
  const impossible = told === "unsupported" || told === "denied";
  return (
    <fieldset aria-describedby="settings-notifications">
      <legend>Signal changes</legend>
      <p class="settings-note" id="settings-notifications">
        {told === "unsupported" && "This browser shows no notifications here."}
        {told === "denied" &&
          "The browser blocks notifications of this site. Its own settings for this site can allow them."}
        {told === "default" &&
          "As a notification of your system, while this page is open in some tab. The browser will ask you first."}
        {told === "granted" &&
          "As a notification of your system, while this page is open in some tab. A closed page tells nothing."}
      </p>
      <label>
        <input
          type="checkbox"
          checked={on}
          disabled={impossible}
          onChange={(event) => {
            const box = event.currentTarget;
            if (!box.checked) prefer({ notify: false });
            // One that was not allowed is not chosen, whatever was clicked.
            else void allowNotifications().then(() => (box.checked = preferences.peek().notify));
          }}
        />
        Tell me when a ticker's signal changes
      </label>
      <label>
        <input
          type="checkbox"
          checked={notifyProvisional}
          disabled={!on}
          onChange={(event) => prefer({ notifyProvisional: event.currentTarget.checked })}
        />
        Also before the close, when it may still change back
      </label>
    </fieldset>
  );
}

/** Opens by its button; closes by it, by Escape, and by anything that is done elsewhere. */
function Popup({ label, sign, children }: { label: string; sign: string; children: ComponentChildren }) {
  const box = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const elsewhere = (event: Event) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) close(box.current);
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !box.current?.open) return;
    event.stopPropagation();
    close(box.current);
    box.current.querySelector("summary")?.focus();
  };
  return (
    <details class="settings" ref={box} onKeyDown={onKeyDown}>
      <summary aria-label={label} title={label}>
        <span aria-hidden="true">{sign}</span>
      </summary>
      <div class="settings-body">{children}</div>
    </details>
  );
}

function close(box: HTMLDetailsElement | null): void {
  if (box !== null) box.open = false;
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
