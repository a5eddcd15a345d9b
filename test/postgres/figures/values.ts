/** The form of figures, and their numbers. */
import type { Place } from './place.js';

export type Figure = (place: Place) => Promise<string>;

export const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
export const rounded = (value: number) => Math.round(value * 100) / 100;
