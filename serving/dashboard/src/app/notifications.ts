// A signal's change, told by the system's notifications to who has asked for it. What is news at all is the stream's
// business: nothing comes here twice, however often the page connects anew.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Alert, Signal } from "../api/types";
import { type Preferences, prefer, preferences } from "./preferences";
import { go, pathOf } from "./router";

/** `unsupported` is a browser without notifications; the rest is what the viewer has told the browser. */
export type Permission = NotificationPermission | "unsupported";

/** A notification as it is to be shown. */
export interface Notice {
  readonly title: string;
  readonly body: string;
  /** One for each change: two tabs of ours show one. */
  readonly tag: string;
  readonly path: string;
}

const permissionCell = signal<Permission>(current());

export const permission: ReadonlySignal<Permission> = permissionCell;

/** What is to be told of a piece of news by these choices; null: nothing. */
export function noticeOf(
  message: Signal | Alert,
  wanted: Pick<Preferences, "notify" | "notifyProvisional">,
): Notice | null {
  if (!wanted.notify || message.type !== "signal" || message.action === message.previous) return null;
  if (message.provisional && !wanted.notifyProvisional) return null;
  const { ticker, action, previous, confidence, reason, provisional } = message;
  const first = `Was ${previous}. Confidence ${Math.round(confidence)} of 100${provisional ? ", provisional" : ""}.`;
  return {
    title: `${ticker}: ${action}`,
    body: `${first}\n${reason}`,
    tag: `signal ${ticker} ${message.audit_id ?? message.at}`,
    path: pathOf("market", ticker),
  };
}

/** Tell of what is worth it. */
export function notify(news: readonly (Signal | Alert)[]): void {
  if (permissionCell.value !== "granted") return;
  for (const message of news) {
    const notice = noticeOf(message, preferences.value);
    if (notice !== null) void show(notice);
  }
}

/** Ask the viewer, if that is still open, and tell from then on. Only a click may lead here. */
export async function allowNotifications(): Promise<void> {
  if (permissionCell.value === "unsupported") return;
  permissionCell.value = await Notification.requestPermission();
  prefer({ notify: permissionCell.value === "granted" });
}

/** Notice when the viewer changes their mind in the browser's own settings. To be called once. */
export function followPermission(): void {
  if (permissionCell.value === "unsupported") return;
  navigator.permissions?.query({ name: "notifications" }).then(
    (status) => {
      status.onchange = () => {
        permissionCell.value = current();
      };
    },
    // A browser that can't be asked: then it is as it was when the page came.
    () => undefined,
  );
}

async function show({ title, body, tag, path }: Notice): Promise<void> {
  const options: NotificationOptions = { body, tag, icon: "/icon-192.png", data: { path } };
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.active) {
    // The worker takes the click (`worker/sw`), also when this page is gone by then.
    await registration.showNotification(title, options);
    return;
  }
  try {
    const shown = new Notification(title, options);
    shown.onclick = () => {
      shown.close();
      window.focus();
      go(path);
    };
  } catch {
    // Browsers of phones show them through a worker or not at all.
    return;
  }
}

function current(): Permission {
  return "Notification" in globalThis ? Notification.permission : "unsupported";
}
