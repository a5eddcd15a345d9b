/**
 * The entry of a thread that asks functions of job modules, one question after another. It is apart
 * from the threads that run jobs, so it can be ended at any time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromQuestionThread, ToQuestionThread, WorkerSetup } from '../protocol/dispatch.js';
import { answer } from './questions.js';

const { modules } = workerData as Pick<WorkerSetup, 'modules'>;
const port = parentPort!;
const say = (message: FromQuestionThread) => port.postMessage(message);

port.on('message', (question: ToQuestionThread) => {
  void answer(modules, question, () => say(['began'])).then((said) => say(['answer', said]));
});
