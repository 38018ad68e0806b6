// Being built.

import type { PageProps } from "../../app/App";
import { Empty } from "../../ui/notes";

export default function Models({ ticker }: PageProps) {
  return (
    <>
      <h1>Models</h1>
      <Empty title="This page is being built">{ticker && <p>{ticker}</p>}</Empty>
    </>
  );
}
