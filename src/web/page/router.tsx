/** The address of the page, and links that change it without loading a document. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** The path at which the page is mounted, with a slash at its end. */
export const base = new URL(document.baseURI).pathname;

export interface Place {
  /** Without the base and its slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The cursors of the pages of a list through which the visitor came here; `''` for the first. */
  readonly trail: readonly string[];
}

const place = (): Place => ({
  path: location.pathname.slice(base.length),
  query: new URLSearchParams(location.search),
  trail: (history.state as Pick<Place, 'trail'> | null)?.trail ?? [],
});

const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};
addEventListener('popstate', tell);

export function usePlace(): Place {
  const [found, set] = useState(place);
  useEffect(() => {
    const listener = () => set(place());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return found;
}

/** Goes to an address relative to the base. */
export function go(address: string, trail: Place['trail'] = []): void {
  history.pushState({ trail }, '', new URL(address, document.baseURI));
  scrollTo(0, 0);
  tell();
}

export function Link({ to, trail, children, ...others }: LinkProps) {
  return (
    <a
      href={to === '' ? './' : to}
      {...others}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to === '' ? './' : to, trail);
      }}
    >
      {children}
    </a>
  );
}

interface LinkProps {
  readonly to: string;
  readonly trail?: Place['trail'];
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly 'aria-current'?: 'page' | undefined;
}

/** Returns the address with parameters set; an empty text removes one. */
export function withQuery(path: string, query: URLSearchParams, changes: Readonly<Record<string, string>>): string {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') changed.delete(name);
    else changed.set(name, value);
  }
  const text = changed.toString();
  return text === '' ? path || './' : `${path}?${text}`;
}
