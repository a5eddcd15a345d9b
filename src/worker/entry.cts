/**
 * The file that Piscina loads in its threads. It is CommonJS and imports the rest. Piscina calls
 * `require` on a file before it tries `import`, and Node 20 aborts the process if a thread is ended
 * while it requires an ES module. Threads with jobs that do not stop can be ended at any moment.
 */
import type { WorkerTask } from '../protocol/dispatch.js' with { 'resolution-mode': 'import' };

let perform: ((task: WorkerTask) => Promise<unknown>) | undefined;
const loaded = import('./main.js').then((main) => {
  perform = main.default;
});

module.exports = (task: WorkerTask): Promise<unknown> => perform?.(task) ?? loaded.then(() => perform!(task));
