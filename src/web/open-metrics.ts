/** The text format of OpenMetrics 1.0. */

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

export interface Buckets {
  readonly count: number;
  readonly sum: number;
  /** The numbers of values up to each bound, which rise. */
  readonly upTo: readonly (readonly [bound: number, count: number])[];
}

/** Families of metrics as text. */
export class OpenMetrics {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, samples: Iterable<readonly [Labels, number | undefined]>): this {
    this.#head(name, 'gauge', help);
    for (const [labels, value] of samples) if (value !== undefined) this.#sample(name, labels, value);
    return this;
  }

  counter(name: string, help: string, samples: Iterable<readonly [Labels, number]>): this {
    this.#head(name, 'counter', help);
    for (const [labels, value] of samples) this.#sample(`${name}_total`, labels, value);
    return this;
  }

  histogram(name: string, help: string, samples: Iterable<readonly [Labels, Buckets]>): this {
    this.#head(name, 'histogram', help);
    for (const [labels, { count, sum, upTo }] of samples) {
      for (const [bound, there] of upTo) this.#sample(`${name}_bucket`, { ...labels, le: String(bound) }, there);
      this.#sample(`${name}_bucket`, { ...labels, le: '+Inf' }, count);
      this.#sample(`${name}_count`, labels, count);
      this.#sample(`${name}_sum`, labels, sum);
    }
    return this;
  }

  info(name: string, help: string, labels: Labels): this {
    this.#head(name, 'info', help);
    this.#sample(`${name}_info`, labels, 1);
    return this;
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n# EOF\n`;
  }

  #head(name: string, type: string, help: string): void {
    this.#lines.push(`# TYPE ${name} ${type}`);
    const unit = /_(seconds|bytes)$/.exec(name)?.[1];
    if (unit !== undefined) this.#lines.push(`# UNIT ${name} ${unit}`);
    this.#lines.push(`# HELP ${name} ${help}`);
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`);
  }
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
const escaped = (text: string) => text.replaceAll(/[\\"\n]/g, (sign) => escapes[sign]!);
