import { axisX, axisY, gridY, type Markish } from "@observablehq/plot";

type Format = (value: number) => string;

/** What lies below a chart. Its ticks have their names by `text`: Plot's own leave out some on a logarithmic axis. */
export function axisBelow(ticks: readonly number[], label: string, format: Format): Markish {
  return axisX([...ticks], { label: `${label} →`, labelArrow: "none", labelOffset: 36, tickSize: 4, text: format });
}

/** What stands beside a chart, and its lines across. */
export function axisBeside(ticks: readonly number[], label: string, format: Format): readonly Markish[] {
  return [
    gridY([...ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
    axisY([...ticks], { label: `↑ ${label}`, labelArrow: "none", labelOffset: 50, tickSize: 0, text: format }),
  ];
}
