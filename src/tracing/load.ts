/** Loads the API of OpenTelemetry, an optional peer. Synchronously, since a job must not wait. */
import { createRequire } from 'node:module';
import type { Api } from './spans.js';

const requireHere = createRequire(import.meta.url);

/** @throws the error of `require`, if the package is not installed. */
export const loadApi = (): Api => requireHere('@opentelemetry/api') as Api;
