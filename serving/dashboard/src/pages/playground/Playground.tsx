// Being built.

import type { PageProps } from "../../app/App";
import { Empty } from "../../ui/notes";

export default function Playground({ ticker }: PageProps) {
  return (
    <>
      <h1>Playground</h1>
      <Empty title="This page is being built">{ticker && <p>{ticker}</p>}</Empty>
    </>
  );
}
