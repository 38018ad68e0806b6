// The API to play with: REST on one side, the stream on the other. It knows the server by its documents alone.

import { useMemo } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { Tickers } from "../../api/types";
import "./playground.css";
import { Rest } from "./Rest";
import { Stream } from "./Stream";

export default function Playground() {
  const { answer } = useResource<Tickers>("/v1/tickers");
  const tickers = useMemo(() => answer?.data.tickers.map(({ ticker }) => ticker) ?? [], [answer]);
  return (
    <>
      <h1>Playground</h1>
      <p class="muted">
        Everything here is sent to this server, as any client would. Nothing that can be tried places an order or
        changes what others see.
      </p>
      <div class="grid playground">
        <Rest tickers={tickers} />
        <Stream tickers={tickers} />
      </div>
    </>
  );
}
