// The page that the address names, loaded when it is first gone to.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Failure, Loading } from "../ui/notes";
import { type PageName, place } from "./router";
import { Shell } from "./Shell";

export interface PageProps {
  readonly ticker: string | null;
}

type Page = ComponentType<PageProps>;

const LOADERS: Readonly<Record<PageName, () => Promise<{ default: Page }>>> = {
  market: () => import("../pages/market/Market"),
  signals: () => import("../pages/signals/Signals"),
  portfolio: () => import("../pages/portfolio/Portfolio"),
  models: () => import("../pages/models/Models"),
  system: () => import("../pages/system/System"),
  playground: () => import("../pages/playground/Playground"),
};

/**
 * Never redraws itself: `main` draws it once beside others, and Preact chains every later tree to a part of such a
 * list that does, so that no page that was left is ever let go.
 */
export function App() {
  return <Here />;
}

function Here() {
  const here = place.value;
  return (
    <Shell>
      {here === null ? (
        <Empty title="There is no such page">
          <p>
            The address names none of ours. <a href="/">Go to the market.</a>
          </p>
        </Empty>
      ) : (
        <Loaded page={here.page} ticker={here.ticker} />
      )}
    </Shell>
  );
}

const loaded = new Map<PageName, Page>();
const loading = new Map<PageName, Promise<Page>>();

/** The page's code, asked for once: `main` asks before anything is drawn. One that failed is asked for again. */
export function load(page: PageName): Promise<Page> {
  let found = loading.get(page);
  if (found === undefined) {
    found = LOADERS[page]().then((module) => module.default);
    found.then(
      (made) => loaded.set(page, made),
      () => loading.delete(page),
    );
    loading.set(page, found);
  }
  return found;
}

function Loaded({ page, ticker }: { page: PageName; ticker: string | null }) {
  const [, draw] = useState(0);
  const [failed, fail] = useState<Error | null>(null);
  const Found = loaded.get(page);
  useEffect(() => {
    document.title = `${page[0]?.toUpperCase()}${page.slice(1)}${ticker ? ` ${ticker}` : ""} · stock-assets`;
  }, [page, ticker]);
  useEffect(() => {
    // By what was drawn: the code may have come since.
    if (Found) return;
    let left = false;
    fail(null);
    load(page).then(
      () => left || draw((n) => n + 1),
      // A newer server has other files: only a reload gets them.
      (error: Error) => left || fail(error),
    );
    return () => {
      left = true;
    };
  }, [page]);
  if (Found) return <Found ticker={ticker} />;
  if (failed) return <Failure what="this page" error={failed} retry={() => location.reload()} />;
  return <Loading what="the page" lines={8} />;
}
