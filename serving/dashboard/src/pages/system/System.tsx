// Being built.

import type { PageProps } from "../../app/App";
import { Empty } from "../../ui/notes";

export default function System({ ticker }: PageProps) {
  return (
    <>
      <h1>System</h1>
      <Empty title="This page is being built">{ticker && <p>{ticker}</p>}</Empty>
    </>
  );
}
