/** Errors with a status of HTTP. */
import { CallsheetError } from '../errors.js';

/** A request that is refused. The message says why, and the way out. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const unavailable = ['CLOSED', 'COORDINATOR_DIED', 'NO_OWNER'];
const conflicts = ['COUNT_DIFFERS', 'JOB_STATUS', 'QUEUE_NOT_EMPTY'];

/** Returns any error as one with a status. A bad argument is one of the request. */
export function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (error instanceof CallsheetError) return new HttpError(statusOf(error.code), error.code, error.message);
  if (code === 'INVALID_OPTION') return new HttpError(400, code, String(message));
  return new HttpError(500, 'INTERNAL', String(message ?? error));
}

function statusOf(code: string): number {
  if (code === 'JOB_FORGOTTEN') return 410;
  if (unavailable.includes(code)) return 503;
  if (conflicts.includes(code)) return 409;
  return code.startsWith('UNKNOWN_') ? 404 : 400;
}
