/** The price of tracing: trivial jobs, put to result, without and with `callsheet/otel`. */
import { fileURLToPath } from 'node:url';
import { AlwaysOffSampler, AlwaysOnSampler, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { type Instrumentation, instrument } from 'callsheet/otel';
import { asPool, openCallsheet } from './contestants/callsheet.js';
import { enterUnderLoad, type Load, loadFigures, warmUpMsOf } from './contestants/under-load.js';
import type { Bench, Contestant, Context } from './harness/bench.js';

export const traces: Bench = {
  name: 'traces',
  title: 'trivial jobs from put to result, with a tracer that exports nothing',
  figures: loadFigures,
  cases: (size) =>
    (size === 'full' ? [64, 1024] : [16]).map((inFlight) => {
      const load = { inFlight, warmUpMs: warmUpMsOf(size), ms: size === 'full' ? 2000 : 20 };
      return {
        name: `${inFlight} in flight`,
        contestants: [
          traced('not traced', load),
          traced('traced, no sample', load, 'off'),
          traced('traced', load, 'on'),
          traced('traced in the threads', load, 'threads'),
        ],
      };
    }),
};

function traced(name: string, load: Load, tracer?: 'off' | 'on' | 'threads'): Contestant {
  const open = async (context: Context) => {
    const inThreads = fileURLToPath(new URL('./jobs/tracer.js', import.meta.url));
    const options = tracer === 'threads' ? { execArgv: ['--import', inThreads] } : {};
    const opened = await openCallsheet('process', context, options);
    const tracing = tracer === undefined ? undefined : begin(opened.callsheet, tracer);
    const pool = asPool(opened);
    const close = async () => {
      await tracing?.stop();
      await pool.close();
    };
    return enterUnderLoad({ ...pool, close }, load);
  };
  return { name, open };
}

function begin(callsheet: Parameters<typeof instrument>[0], tracer: 'off' | 'on' | 'threads'): Instrumentation {
  const sampler = tracer === 'off' ? new AlwaysOffSampler() : new AlwaysOnSampler();
  new NodeTracerProvider({ sampler }).register();
  return instrument(callsheet);
}
