import type { SaveReport } from '../io/save.ts';
import type { Model } from '../ir/model.ts';
import { countNodes } from '../rewrite/pipeline.ts';
import { countSites, type PassReport, type Report, type Site, type SiteStatus } from '../rewrite/report.ts';
import { type WeightPlace, weightBytes, weightPlaces } from './weights.ts';

/** What a model is before anything is done to it. */
export interface ModelHeader {
  readonly file: string;
  /** Size of the model file, without data files. */
  readonly bytes: number;
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** Nodes in all scopes. */
  readonly nodes: number;
  readonly weights: readonly WeightPlace[];
}

/** The facts about a model that head every report. */
export function modelHeader(model: Model): ModelHeader {
  return {
    file: model.label,
    bytes: model.source?.size ?? 0,
    irVersion: model.irVersion,
    producer: model.producer,
    opsets: [...model.opsets].map(([domain, version]) => ({ domain, version })),
    nodes: countNodes(model),
    weights: weightPlaces(model),
  };
}

/** Sites of one pass that fared alike. */
export interface SiteGroup {
  readonly status: SiteStatus;
  readonly reason: string;
  readonly count: number;
  /** The first of them in the order of the report. */
  readonly example: string;
}

/** What saving did, with where the weights went. */
export interface SaveSummary extends SaveReport {
  readonly weights: {
    /** Bytes of weights that stayed in the data files that they were in. */
    readonly kept: number;
    /** Bytes of data files that were written. */
    readonly written: number;
  };
}

/** A pass's report with its sites counted and grouped. */
export interface PassSummary extends PassReport {
  readonly counts: Readonly<Record<SiteStatus, number>>;
  readonly groups: readonly SiteGroup[];
}

/** The report of an optimization: what `sdgraph optimize --json` prints and `--report` writes. */
export interface OptimizeReport {
  readonly input: ModelHeader;
  readonly passes: readonly PassSummary[];
  readonly changed: boolean;
  readonly nodes: { readonly before: number; readonly after: number };
  /** Null for a dry run. */
  readonly saved: SaveSummary | null;
  readonly milliseconds: number;
}

/** What there is to report of. */
export interface OptimizeFacts {
  readonly input: ModelHeader;
  readonly report: Report;
  /** The model as it was saved; undefined for a dry run. */
  readonly saved?: { readonly report: SaveReport; readonly model: Model } | undefined;
  readonly milliseconds: number;
}

/** Puts the report of an optimization together. */
export function optimizeReport({ input, report, saved, milliseconds }: OptimizeFacts): OptimizeReport {
  return {
    input,
    passes: report.passes.map(summarizePass),
    changed: report.changed,
    nodes: report.nodes,
    saved: saved === undefined ? null : summarizeSave(saved.report, saved.model),
    milliseconds,
  };
}

/** Counts and groups the sites of a pass. */
function summarizePass(report: PassReport): PassSummary {
  return { ...report, counts: countSites(report.sites), groups: groupSites(report.sites) };
}

/** Sites by status and reason: refused, skipped, present, applied; within these the largest group first. */
export function groupSites(sites: readonly Site[]): readonly SiteGroup[] {
  const groups = new Map<string, SiteGroup>();
  for (const { status, reason, node } of sites) {
    const key = JSON.stringify([status, reason]);
    const group = groups.get(key) ?? { status, reason, count: 0, example: node };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  const rank: readonly SiteStatus[] = ['refused', 'skipped', 'present', 'applied'];
  return [...groups.values()].toSorted((a, b) => rank.indexOf(a.status) - rank.indexOf(b.status) || b.count - a.count);
}

function summarizeSave(report: SaveReport, model: Model): SaveSummary {
  const kept = report.externalData === 'reuse' ? weightBytes(weightPlaces(model)).external : 0;
  const written = report.files.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0);
  return { ...report, weights: { kept, written } };
}
