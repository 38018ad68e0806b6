// A panel whose numbers come from one answer of the server's, in each state that this may be in.

import type { ComponentChildren } from "preact";
import type { Resource } from "../../api/resource";
import type { Answer } from "../../api/rest";
import { Age, Empty, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";

interface PartProps<T> {
  readonly title: string;
  /** What it is of, in a sentence with "get" or "no". */
  readonly what: string;
  readonly resource: Resource<T> & { readonly reload: () => void };
  /** As many lines of text as it will be high. */
  readonly lines: number;
  readonly class?: string;
  readonly aside?: ComponentChildren;
  readonly children: (data: T, answer: Answer<T>) => ComponentChildren;
}

export function Part<T>({ title, what, resource, lines, class: name = "", aside, children }: PartProps<T>) {
  const { answer, error, reload } = resource;
  const absent = absentIn(resource);
  // What an earlier release had says nothing of one that has none.
  const shown = absent === null ? answer : null;
  return (
    <Panel
      title={title}
      class={name}
      aside={
        <>
          {shown && aside}
          {shown && <Age at={toldAt(shown)} label="made" />}
        </>
      }
    >
      {absent !== null && (
        <Empty title={`This release has no ${what}`}>
          <p>{absent}</p>
        </Empty>
      )}
      {absent === null && error && <Failure what={what} error={error} retry={reload} stale={answer !== null} />}
      {shown ? children(shown.data, shown) : !error && <Loading what={what} lines={lines} />}
    </Panel>
  );
}

/** Why the release in force has no such thing; null if it has, or if nobody knows. */
export function absentIn({ error }: Resource<unknown>): string | null {
  return error?.problem?.type === "/problems/not-in-release" ? error.problem.detail : null;
}

/** When the numbers of an answer were made, by our clock (ms); null where the server doesn't say. */
export function toldAt({ ageSeconds, receivedAt }: Answer<unknown>): number | null {
  return ageSeconds === null ? null : receivedAt - ageSeconds * 1_000;
}
