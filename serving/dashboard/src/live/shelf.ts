// Texts that outlive the page, in the browser's IndexedDB. A browser may refuse it altogether, or lose what it holds:
// then nothing is found, and nobody is told.

const DATABASE = "stock-assets";
const STORE = "kept";

interface Entry {
  readonly key: string;
  readonly text: string;
  /** Our clock (ms) when it was put there. */
  readonly at: number;
}

/** What there is under a key, without its text. */
export interface Listed {
  readonly key: string;
  readonly size: number;
  readonly at: number;
}

export class Shelf {
  private readonly database: Promise<IDBDatabase | null> = open().catch(() => null);

  async get(key: string): Promise<string | null> {
    const entry = await this.ask<Entry | undefined>("readonly", (store) => store.get(key));
    return entry?.text ?? null;
  }

  async put(key: string, text: string): Promise<void> {
    const entry: Entry = { key, text, at: Date.now() };
    await this.ask("readwrite", (store) => store.put(entry));
  }

  /** Take the oldest of those under a prefix away until the rest has `most` characters at most. */
  async trim(prefix: string, most: number): Promise<void> {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const found = (await this.ask<Entry[]>("readonly", (store) => store.getAll(range))) ?? [];
    const listed = found.map(({ key, text, at }) => ({ key, size: text.length, at }));
    for (const key of overflow(listed, most)) await this.ask("readwrite", (store) => store.delete(key));
  }

  private async ask<T>(mode: IDBTransactionMode, request: (store: IDBObjectStore) => IDBRequest): Promise<T | null> {
    const database = await this.database;
    if (database === null) return null;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(STORE, mode);
        const asked = request(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(asked.result as T);
        transaction.onabort = transaction.onerror = () => resolve(null);
        // A page that is about to go has no time for a commit by itself.
        transaction.commit();
      } catch {
        // Closed by the browser, as when the viewer clears a site's data.
        resolve(null);
      }
    });
  }
}

/** The keys to go, so that what stays is the newest and has `most` characters at most. */
export function overflow(entries: readonly Listed[], most: number): string[] {
  let kept = 0;
  const gone: string[] = [];
  for (const { key, size } of entries.toSorted((a, b) => b.at - a.at)) {
    if (kept + size <= most) kept += size;
    else gone.push(key);
  }
  return gone;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => {
      // A newer page of ours, in another tab, waits for this one to let go.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
}
