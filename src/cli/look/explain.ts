/** `callsheet explain`: tells why a job does not run. */
import { exitCodes } from '../exit.js';
import { findJob } from '../find-job.js';
import type { Session } from '../session.js';
import { age, callableName, count, plain, queueName } from '../words.js';

export async function explain({ callsheet, out }: Session, text: string): Promise<number> {
  const id = await findJob(callsheet, text);
  const explanation = await callsheet.monitor.explain(id);
  if (out.isJson) {
    out.json(explanation);
    return exitCodes.done;
  }
  const { details } = await callsheet.monitor.job(id);
  const { summary, reasons, position, asOf } = explanation;
  const place = position === undefined ? '' : `, number ${count(position + 1)} in line`;
  out.line(`${id}  ${callableName(details.callable)}  in ${queueName(details.queue)}${place}`);
  if (reasons.length < 2) out.line(plain(summary));
  else for (const reason of reasons) out.line(`- ${plain(reason.text)}`);
  for (const { since, until, estimate, code } of reasons) {
    const times = [
      ...(since === undefined ? [] : [`for ${age(since, asOf)}`]),
      ...(until === undefined ? [] : [`until ${until} (${age(until, asOf)})`]),
      ...(estimate === undefined ? [] : [`as it looks until ${estimate} (${age(estimate, asOf)})`]),
    ];
    if (times.length > 0) out.line(`  ${code}: ${times.join(', ')}`);
  }
  return exitCodes.done;
}
