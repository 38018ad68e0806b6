// Everything that the server can be asked, to choose one from. A group of radios: one stop for Tab, arrows move in it.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { grouped, type Operation } from "./openapi";

interface Props {
  readonly operations: readonly Operation[];
  readonly chosen: Operation;
  readonly choose: (operation: Operation) => void;
}

export function OperationList({ operations, chosen, choose }: Props) {
  const [wanted, want] = useState("");
  const groups = useMemo(() => grouped(operations, wanted), [operations, wanted]);
  const list = useRef<HTMLDivElement>(null);
  // Only the list scrolls: the page stays where it is.
  useEffect(() => {
    const [around, label] = [list.current, list.current?.querySelector("label:has(:checked)")];
    if (!around || !(label instanceof HTMLElement)) return;
    const above = label.offsetTop < around.scrollTop;
    const below = label.offsetTop + label.offsetHeight > around.scrollTop + around.clientHeight;
    if (above || below) around.scrollTop = label.offsetTop - around.clientHeight / 2;
  }, [chosen.id]);
  return (
    <div class="playground-operations">
      <label class="field">
        Find an operation
        <input type="search" value={wanted} placeholder="rebalance" onInput={(e) => want(e.currentTarget.value)} />
      </label>
      <div class="playground-groups" ref={list}>
        {groups.length === 0 && <p class="muted">None has “{wanted}”.</p>}
        {groups.map(({ tag, operations: found }) => (
          <fieldset key={tag}>
            <legend>{tag}</legend>
            {found.map((each) => (
              <Choice key={each.id} operation={each} chosen={each.id === chosen.id} choose={choose} />
            ))}
          </fieldset>
        ))}
      </div>
    </div>
  );
}

function Choice({
  operation,
  chosen,
  choose,
}: {
  operation: Operation;
  chosen: boolean;
  choose: (operation: Operation) => void;
}) {
  return (
    <label class="playground-operation" title={operation.description}>
      <input
        class="visually-hidden"
        type="radio"
        name="operation"
        checked={chosen}
        onChange={() => choose(operation)}
      />
      <Method method={operation.method} />
      <span class="playground-path">{operation.path}</span>
    </label>
  );
}

export function Method({ method }: { method: string }) {
  return <span class={`playground-method playground-method-${method.toLowerCase()}`}>{method}</span>;
}
