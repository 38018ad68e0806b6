// Being built.

import type { PageProps } from "../../app/App";
import { Empty } from "../../ui/notes";

export default function Portfolio({ ticker }: PageProps) {
  return (
    <>
      <h1>Portfolio</h1>
      <Empty title="This page is being built">{ticker && <p>{ticker}</p>}</Empty>
    </>
  );
}
