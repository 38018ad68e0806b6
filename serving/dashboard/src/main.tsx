// Where it all begins: preferences first, then the picture, then the stream, and last what can wait.

import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import { followRelease } from "./api/resource";
import { App } from "./app/App";
import { Bars } from "./app/Banner";
import { startLive } from "./app/live";
import { followPermission } from "./app/notifications";
import { startOffline } from "./app/offline";
import { startWorker } from "./app/offlineWorker";
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
startOffline();
root.replaceChildren();
render(
  <>
    <App />
    <Bars />
  </>,
  root,
);
startLive();
followRelease();
followPermission();
startWorker();
