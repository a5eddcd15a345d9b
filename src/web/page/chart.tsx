/** Charts over time, each with a table of the same values. */
import { useState } from 'preact/hooks';
import { useWidth } from './elements.js';
import { minuteText } from './format.js';

export interface Line {
  readonly name: string;
  /** A class of the style sheet, which gives colour and dashes. */
  readonly kind: string;
  /** By step; `undefined` for no value. */
  readonly values: readonly (number | undefined)[];
}

interface ChartProps {
  readonly title: string;
  /** The begins of the steps, in milliseconds since the epoch. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly log?: boolean;
  /** `true` if the last step is not over. */
  readonly hasPresent: boolean;
}

const height = 150;
const edge = { left: 52, right: 8, top: 8, bottom: 20 };

export function Chart({ title, times, lines, format, log = false, hasPresent }: ChartProps) {
  const { element, width } = useWidth();
  const [at, setAt] = useState<number>();
  const all = lines.flatMap(({ values }) => values.filter((value) => value !== undefined));
  const inner = { width: Math.max(10, width - edge.left - edge.right), height: height - edge.top - edge.bottom };
  const { ticks, place } = log ? logScale(all) : linearScale(all);
  const x = (index: number) => edge.left + (times.length < 2 ? 0 : (index / (times.length - 1)) * inner.width);
  const y = (value: number) => edge.top + (1 - place(value)) * inner.height;
  const shown = at !== undefined && at < times.length ? at : undefined;
  const last = times.length - 1;
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <span class="legend">
          {lines.map(({ name, kind, values }) => (
            <span key={name}>
              <svg width="18" height="8" aria-hidden="true">
                <path class={`line ${kind}`} d="M0 4H18" />
              </svg>
              {name}
              {shown !== undefined && ` ${valueText(values[shown], format)}`}
            </span>
          ))}
          {shown !== undefined && <span class="dim">{minuteText(times[shown]!)}</span>}
        </span>
      </figcaption>
      <div
        ref={element}
        class="plot"
        onPointerMove={({ offsetX }) => {
          const nearest = Math.round(((offsetX - edge.left) / inner.width) * last);
          setAt(Math.min(last, Math.max(0, nearest)));
        }}
        onPointerLeave={() => setAt(undefined)}
      >
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={`${title}: the table below has the values`}>
            <defs>
              <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <path class="hatch" d="M0 0V6" />
              </pattern>
            </defs>
            {ticks.map((tick) => (
              <g key={tick}>
                <path class="grid" d={`M${edge.left} ${y(tick)}H${width - edge.right}`} />
                <text x={edge.left - 6} y={y(tick) + 4} text-anchor="end">
                  {format(tick)}
                </text>
              </g>
            ))}
            {timeTicks(times, width).map((index) => (
              <text key={index} x={x(index)} y={height - 4} text-anchor={index === 0 ? 'start' : 'middle'}>
                {minuteText(times[index]!)}
              </text>
            ))}
            {hasPresent && last > 0 && (
              <rect
                x={x(last - 1)}
                y={edge.top}
                width={x(last) - x(last - 1)}
                height={inner.height}
                fill="url(#hatch)"
              />
            )}
            {lines.map(({ name, kind, values }) => (
              <path key={name} class={`line ${kind}`} d={pathOf(values, x, y)} />
            ))}
            {shown !== undefined && <path class="cursor" d={`M${x(shown)} ${edge.top}V${height - edge.bottom}`} />}
          </svg>
        )}
      </div>
      <details>
        <summary>Table</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
        <section class="scroll short" tabIndex={0} aria-label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">time</th>
                {lines.map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time}>
                  <th scope="row">
                    {minuteText(time)}
                    {hasPresent && index === last && ' (not over)'}
                  </th>
                  {lines.map(({ name, values }) => (
                    <td key={name} class="number">
                      {valueText(values[index], format)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </figure>
  );
}

/** Bars beside words or a list that say the same. */
export function Bars({ values }: { values: readonly number[] }) {
  const most = Math.max(1, ...values);
  const step = Math.max(3, Math.min(5, 100 / Math.max(1, values.length)));
  return (
    <svg class="spark" width={Math.max(1, values.length) * step} height="18" aria-hidden="true">
      {values.map((value, at) => {
        const height = Math.max(1, (value / most) * 18);
        return (
          <rect
            key={at}
            class={value === 0 ? 'none' : ''}
            x={at * step}
            width={step - 1}
            y={18 - height}
            height={height}
          />
        );
      })}
    </svg>
  );
}

const valueText = (value: number | undefined, format: (value: number) => string) =>
  value === undefined ? '–' : format(value);

/** Lines with gaps where there is no value; a value between gaps is a dot. */
function pathOf(
  values: readonly (number | undefined)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let path = '';
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue;
    const isFirst = index === 0 || values[index - 1] === undefined;
    path += `${isFirst ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    if (isFirst && values[index + 1] === undefined) path += 'm-2 0h4';
  }
  return path;
}

interface Scale {
  readonly ticks: readonly number[];
  /** From 0 at the bottom to 1 at the top. */
  readonly place: (value: number) => number;
}

function linearScale(values: readonly number[]): Scale {
  const most = Math.max(1e-9, ...values);
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.5, 1, 2, 5].map((part) => part * power).find((one) => most / one <= 4) ?? power;
  const top = Math.ceil(most / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => Number((at * step).toPrecision(6)));
  return { ticks: values.length === 0 ? [0] : ticks, place: (value) => value / top };
}

/** Durations differ by orders of magnitude. Values below a millisecond stand at its bottom. */
function logScale(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.max(1, Math.min(...values, 1e9))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(10, ...values))));
  const every = high - low > 5 ? 2 : 1;
  const ticks: number[] = [];
  for (let power = low; power <= high; power += every) ticks.push(10 ** power);
  return { ticks, place: (value) => Math.max(0, (Math.log10(Math.max(1, value)) - low) / (high - low)) };
}

function timeTicks(times: readonly number[], width: number): number[] {
  const count = Math.max(1, Math.min(6, Math.floor(width / 110)));
  return Array.from({ length: count }, (_, at) => Math.round((at / count) * (times.length - 1)));
}
