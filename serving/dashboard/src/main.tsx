// Where it all begins: preferences first, then the picture, then the stream.

import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import { followRelease } from "./api/resource";
import { App } from "./app/App";
import { startLive } from "./app/live";
import { keepPreferences } from "./app/preferences";
import { startRouter } from "./app/router";
import { startClock } from "./live/clock";
import { followSystemTheme } from "./ui/palette";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html: expected an element #app, found none");

keepPreferences();
followSystemTheme();
startRouter();
startClock();
root.replaceChildren();
render(<App />, root);
startLive();
followRelease();
