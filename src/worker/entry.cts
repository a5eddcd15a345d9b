/**
 * What Piscina loads in its threads. It requires a file before it tries to import it, and Node 20
 * aborts the process if a thread is ended while it requires one that is a module, as threads of
 * jobs that do not stop are at any moment. So this is no module, and imports the rest.
 */
import type { WorkerTask } from '../protocol/dispatch.js' with { 'resolution-mode': 'import' };

let perform: ((task: WorkerTask) => Promise<unknown>) | undefined;
const loaded = import('./main.js').then((main) => {
  perform = main.default;
});

module.exports = (task: WorkerTask): Promise<unknown> => perform?.(task) ?? loaded.then(() => perform!(task));
