/**
 * callsheet/otel: traces of puts, runs and callbacks with OpenTelemetry.
 *
 * @example
 * const tracing = instrument(callsheet);
 */
export { type Instrumentation, type InstrumentOptions, instrument } from './instrument.js';
