/** The data of a page, as they are now. A tab has one stream, and none while it is hidden. */
import { useEffect, useState } from 'preact/hooks';
import type { Update } from '../live.js';
import type { Json } from './json.js';

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface Seen<Sections> {
  /** `undefined` until the first answer. */
  readonly sections: Json<Sections> | undefined;
  readonly problem: Problem | undefined;
}

const againMs = 5000;

/** Whether data come now; shown in the header. */
export const connection = { isLive: false, onChange: () => {} };

function setLive(isLive: boolean): void {
  connection.isLive = isLive;
  connection.onChange();
}

/** Follows a view. */
export function useView<Sections>(view: string, query: URLSearchParams): Seen<Sections> {
  const asked = new URLSearchParams(query);
  asked.set('view', view);
  asked.sort();
  const key = asked.toString();
  const [seen, set] = useState<Seen<Sections> & { readonly key: string }>({
    key,
    sections: undefined,
    problem: undefined,
  });
  useEffect(() => {
    let source: EventSource | undefined;
    let timer = 0;
    const close = () => {
      source?.close();
      source = undefined;
      clearTimeout(timer);
      setLive(false);
    };
    const problem = (found: Problem) =>
      set((before) => ({ key, sections: before.key === key ? before.sections : undefined, problem: found }));
    const open = () => {
      if (document.hidden || source !== undefined) return;
      source = new EventSource(`events?${key}`);
      source.onmessage = ({ data }: MessageEvent<string>) => {
        setLive(true);
        const { whole, changed, gone } = JSON.parse(data) as Update;
        set((before) => {
          const sections = whole || before.key !== key ? {} : { ...before.sections };
          for (const name of gone) delete (sections as Record<string, unknown>)[name];
          return { key, sections: Object.assign(sections, changed) as Json<Sections>, problem: undefined };
        });
      };
      source.addEventListener('problem', (event) => {
        setLive(false);
        problem(JSON.parse((event as MessageEvent<string>).data));
      });
      source.onerror = () => {
        setLive(false);
        if (source?.readyState !== EventSource.CLOSED) return;
        source = undefined;
        timer = window.setTimeout(open, againMs);
        void reasonOf(`api/${view}?${query}`).then((reason) => reason !== undefined && problem(reason));
      };
    };
    const look = () => (document.hidden ? close() : open());
    document.addEventListener('visibilitychange', look);
    open();
    return () => {
      document.removeEventListener('visibilitychange', look);
      close();
    };
  }, [key]);
  return seen.key === key ? seen : { sections: undefined, problem: undefined };
}

/** A stream does not say why it was refused. */
async function reasonOf(address: string): Promise<Problem | undefined> {
  try {
    const response = await fetch(address);
    return response.ok ? undefined : ((await response.json()) as Problem);
  } catch {
    return { code: 'UNREACHABLE', message: 'the page does not answer' };
  }
}

/** The time, at each second. */
export function useNow(): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
