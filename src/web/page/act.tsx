/** Actions, each after a confirmation, with its progress and its result. */
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { countText, plural } from './format.js';
import type { Problem } from './live.js';

export const canAct = document.body.dataset.access === 'write';

export interface Progress {
  readonly matched: number;
  readonly done: number;
  readonly refused: number;
}

interface Line {
  readonly progress?: Progress;
  readonly result?: unknown;
  readonly error?: Problem;
}

/** Posts an action. Returns its result. */
export async function act(
  fields: Readonly<Record<string, unknown>>,
  onProgress: (progress: Progress) => void = () => {},
  signal?: AbortSignal,
): Promise<unknown> {
  const response = await fetch('api/actions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) throw new Error(((await response.json()) as Problem).message);
  if (response.headers.get('content-type') === 'application/json') return response.json();
  let rest = '';
  let last: Line = {};
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      last = JSON.parse(line) as Line;
      if (last.progress !== undefined) onProgress(last.progress);
    }
  }
  if (last.error !== undefined) throw new Error(last.error.message);
  return last.result;
}

interface ActionProps {
  /** The text of the button. */
  readonly label: string;
  /** The name of the thing on which it acts, for those who hear the button among others. */
  readonly of?: string;
  /** The question of the confirmation. Without it, the action begins at once. */
  readonly question?: ComponentChildren;
  readonly run: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<unknown>;
  readonly onDone?: (result: unknown) => void;
  readonly danger?: boolean;
  /** `true` if the question has fields: an error leads back to them. */
  readonly hasFields?: boolean;
  readonly disabled?: boolean;
}

/** A button with an action behind it. */
export function Action({ label, of, question, run, onDone, danger, hasFields = false, disabled = false }: ActionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, set] = useState<State>({ step: 'idle' });
  const stop = useRef<AbortController>();
  const isOpen = state.step !== 'idle';
  useLayoutEffect(() => {
    if (isOpen && dialog.current?.open === false) dialog.current.showModal();
  }, [isOpen]);
  if (!canAct) return null;
  const start = async () => {
    const controller = new AbortController();
    stop.current = controller;
    set({ step: 'runs' });
    try {
      const result = await run((progress) => set({ step: 'runs', progress }), controller.signal);
      onDone?.(result);
      const said = sayResult(result);
      if (said === undefined) close();
      else set({ step: 'over', said });
    } catch (error) {
      set({ step: hasFields ? 'asks' : 'over', said: (error as Error).message, isError: true });
    }
  };
  const close = () => {
    dialog.current?.close();
    set({ step: 'idle' });
  };
  return (
    <>
      <button
        type="button"
        class={danger ? 'danger' : ''}
        aria-label={of === undefined ? undefined : `${label} ${of}`}
        disabled={disabled}
        onClick={() => (question === undefined ? void start() : set({ step: 'asks' }))}
      >
        {label}
      </button>
      {isOpen && (
        <dialog ref={dialog} onClose={close} aria-label={label}>
          <div hidden={state.step !== 'asks'}>{question}</div>
          {state.step === 'runs' && <Doing progress={state.progress} />}
          {state.said !== undefined && (
            <p role="status" class={state.isError ? 'problem' : ''}>
              {state.said}
            </p>
          )}
          <div class="buttons">
            {state.step === 'asks' && (
              <button type="button" class={danger ? 'danger' : 'main'} onClick={() => void start()}>
                {label.replace('…', '')}
              </button>
            )}
            {state.step === 'runs' && (
              <button type="button" onClick={() => stop.current?.abort()}>
                Stop
              </button>
            )}
            {state.step !== 'runs' && (
              <button type="button" onClick={close}>
                {state.step === 'asks' ? 'Back' : 'Close'}
              </button>
            )}
          </div>
        </dialog>
      )}
    </>
  );
}

interface State {
  readonly step: 'idle' | 'asks' | 'runs' | 'over';
  readonly progress?: Progress;
  readonly said?: string;
  readonly isError?: boolean;
}

function Doing({ progress }: { progress: Progress | undefined }) {
  if (progress === undefined) return <p role="status">Working…</p>;
  const { done, refused, matched } = progress;
  return (
    <div role="status">
      <progress value={done + refused} max={Math.max(1, matched)} aria-label="progress" />
      <p>
        {countText(done)} of {countText(matched)} done{refused > 0 && `, ${countText(refused)} refused`}
      </p>
    </div>
  );
}

/** Says the result of a bulk action; others need no words. */
function sayResult(result: unknown): string | undefined {
  const { done, refusedCount, refused } = result as {
    done?: number;
    refusedCount?: number;
    refused?: readonly { readonly message: string }[];
  };
  if (done === undefined || refusedCount === undefined) return undefined;
  const others = refusedCount === 0 ? '' : ` ${plural(refusedCount, 'job')} refused: ${refused?.[0]?.message}`;
  return `${plural(done, 'job')} done.${others}`;
}

const bulks = { 'retry all': 'Retry', 'cancel all': 'Cancel', 'forget all': 'Forget' } as const;

/** An action on all jobs that fit a filter: counts them, asks, and acts on that number. */
export function BulkAction({ action, filter, label }: { action: keyof typeof bulks; filter: string; label?: string }) {
  const [matched, set] = useState<number>();
  const [problem, setProblem] = useState('');
  const verb = bulks[action];
  const count = () => {
    set(undefined);
    setProblem('');
    void fetch(`api/count?${new URLSearchParams({ action })}&${filter}`)
      .then(async (response) => {
        const answer = (await response.json()) as Problem & { matched: number };
        if (response.ok) set(answer.matched);
        else setProblem(answer.message);
      })
      .catch((error: Error) => setProblem(error.message));
  };
  const question = (
    <Asks onOpen={count}>
      {problem !== '' && <p class="problem">{problem}</p>}
      {problem === '' && matched === undefined && <p role="status">Counting…</p>}
      {matched !== undefined && (
        <p>
          {verb} <strong>{plural(matched, 'job')}</strong> that match?{' '}
          {action === 'retry all' ? 'Jobs that were retried already are left out.' : 'It cannot be undone.'}
        </p>
      )}
    </Asks>
  );
  return (
    <Action
      label={label ?? `${verb} all…`}
      question={question}
      danger={action !== 'retry all'}
      run={(onProgress, signal) => {
        if (matched === undefined) throw new Error('the jobs are not counted yet');
        return act({ action, filter, expect: matched }, onProgress, signal);
      }}
    />
  );
}

/** An action on the jobs that were chosen in a list. */
export function SelectedAction({ verb, jobs, onDone }: SelectedProps) {
  return (
    <Action
      label={`${verb} selected…`}
      question={
        <p>
          {verb} <strong>{plural(jobs.length, 'job')}</strong>?{verb === 'Cancel' && ' It cannot be undone.'}
        </p>
      }
      danger={verb === 'Cancel'}
      disabled={jobs.length === 0}
      run={(onProgress, signal) => act({ action: `${verb.toLowerCase()} selected`, jobs }, onProgress, signal)}
      onDone={onDone}
    />
  );
}

interface SelectedProps {
  readonly verb: 'Retry' | 'Cancel';
  readonly jobs: readonly string[];
  readonly onDone: () => void;
}

/** Calls `onOpen` when it appears. */
function Asks({ onOpen, children }: { onOpen: () => void; children: ComponentChildren }) {
  useEffect(onOpen, []);
  return <>{children}</>;
}
