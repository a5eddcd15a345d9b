/** The fields in which a retry or a change differs from the job as it is. */
import type { RefObject } from 'preact';
import type { JobSections } from '../views/job.js';
import { durationText } from './format.js';
import type { Json } from './json.js';

interface FieldsProps {
  readonly sections: Json<JobSections>;
  readonly form: RefObject<HTMLFormElement>;
  readonly isRetry: boolean;
}

/** A job that waits for its retry can only get another date. */
export const onlyDate = ({ job: { details } }: Json<JobSections>) => details.attempts > 0;

const argumentsText = ({ arguments: given, areArgumentsJson }: Json<JobSections>) =>
  areArgumentsJson && given !== undefined && 'value' in given ? JSON.stringify(given.value, undefined, 1) : '';

export function ChangeFields({ sections, form, isRetry }: FieldsProps) {
  const { job } = sections;
  const { details } = job;
  const isWhole = details.parts > 0;
  return (
    <form ref={form} class="fields" onSubmit={(event) => event.preventDefault()}>
      {(isRetry || !onlyDate(sections)) && (
        <>
          <label>
            {isWhole ? 'arguments of the postprocess' : 'arguments'}, as a list in JSON
            <textarea
              name="args"
              rows={4}
              spellcheck={false}
              placeholder="as they are"
              defaultValue={argumentsText(sections)}
            />
          </label>
          <label>
            priority
            <input name="priority" type="number" placeholder={String(details.priority)} />
          </label>
          <label>
            time limit of a run
            <input
              name="timeout"
              placeholder={details.timeoutMs === undefined ? 'none' : durationText(details.timeoutMs)}
            />
          </label>
        </>
      )}
      <label>
        begin: now, in a time such as 10m, or at a date such as 2030-01-31T09:00Z
        <input name="beginAfter" placeholder={isRetry ? 'now' : (details.dueAt ?? 'as it is')} />
      </label>
      {isRetry && isWhole && job.form !== 'map' && (
        <label>
          parts that run
          <select name="parts">
            <option value="failed">those that did not succeed</option>
            <option value="all">all</option>
          </select>
        </label>
      )}
    </form>
  );
}

/** Returns the fields that were filled in, as an action takes them. */
export function changesIn(form: HTMLFormElement, sections: Json<JobSections>): Record<string, unknown> {
  const given = Object.fromEntries(
    [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]).filter(([, text]) => text !== ''),
  ) as Record<string, string>;
  const { args, priority, ...texts } = given;
  const hasArguments = args !== undefined && args !== argumentsText(sections);
  return {
    ...texts,
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    ...(hasArguments ? { args: listIn(args) } : {}),
  };
}

function listIn(text: string): unknown[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new Error(`the arguments are no JSON: ${(error as Error).message}`);
  }
  if (Array.isArray(list)) return list;
  throw new Error('the arguments must be a list, such as [1, "two"]');
}
