// In place of what is not there: it is on the way, it could not be had, or (as `children` say) there is none.

import type { ComponentChildren } from "preact";
import { useResource } from "../../api/resource";
import { Failure, Loading } from "../../ui/notes";

export function Missing({ what, path, children }: { what: string; path: string; children: ComponentChildren }) {
  const { answer, error, reload } = useResource<unknown>(path);
  if (error) return <Failure what={`the ${what}`} error={error} retry={reload} />;
  if (answer === null) return <Loading what={`the ${what}`} lines={6} />;
  return <>{children}</>;
}
