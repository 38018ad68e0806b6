// Where it all begins: preferences first, then the picture, then the stream, and last what can wait.

import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import { followRelease } from "./api/resource";
import { App, load } from "./app/App";
import { Bars } from "./app/Banner";
import { startLive } from "./app/live";
import { followPermission } from "./app/notifications";
import { startOffline } from "./app/offline";
import { startWorker } from "./app/offlineWorker";
import { followPreferences } from "./app/preferences";
import { place, startRouter } from "./app/router";
import { startClock } from "./live/clock";
import { followSystemTheme } from "./ui/palette";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html: expected an element #app, found none");

// While the rest is set up, the page is on its way; what becomes of it is told where it is drawn.
const first = place.peek();
if (first !== null) load(first.page).catch(() => undefined);
followPreferences();
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
