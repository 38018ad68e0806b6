// Trying the REST API: choose an operation, fill it in, send it, see what comes back.

import { useEffect, useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { OperationList } from "./OperationList";
import { type Operation, operationsOf } from "./openapi";
import { Trial } from "./Trial";

export function Rest({ tickers }: { tickers: readonly string[] }) {
  const document = useResource<unknown>("/openapi.json");
  const [chosen, choose] = useState<Operation | null>(null);
  const [operations, found] = useState<readonly Operation[]>([]);
  const data = document.answer?.data;
  useEffect(() => {
    if (data === undefined) return;
    const all = operationsOf(data);
    found(all);
    choose((before) => all.find(({ id }) => id === (before?.id ?? location.hash.slice(1))) ?? all[0] ?? null);
  }, [data]);
  // So that an address leads back to the operation.
  const go = (operation: Operation) => {
    history.replaceState(history.state, "", `#${operation.id}`);
    choose(operation);
  };
  return (
    <Panel title="REST" class="playground-rest" aside={<a href="/docs">All of it in Swagger UI</a>}>
      {document.error && (
        <Failure
          what="the list of operations"
          error={document.error}
          retry={document.reload}
          stale={data !== undefined}
        />
      )}
      {chosen === null ? (
        !document.error && <Loading what="the list of operations" lines={12} />
      ) : (
        <div class="playground-columns">
          <OperationList operations={operations} chosen={chosen} choose={go} />
          <Trial key={chosen.id} operation={chosen} tickers={tickers} />
        </div>
      )}
    </Panel>
  );
}
