// Being built.

import type { PageProps } from "../../app/App";
import { Empty } from "../../ui/notes";

export default function Market({ ticker }: PageProps) {
  return (
    <>
      <h1>Market</h1>
      <Empty title="This page is being built">{ticker && <p>{ticker}</p>}</Empty>
    </>
  );
}
