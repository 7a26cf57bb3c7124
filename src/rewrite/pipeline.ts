import { SdgraphError } from '../errors.ts';
import { requireSound } from '../ir/invariants.ts';
import type { Model } from '../ir/model.ts';
import { inferShapes } from '../schema/infer.ts';
import type { Inference } from '../schema/inference.ts';
import type { Pass, PassContext } from './pass.ts';
import { countSites, type PassReport, type Report, type Site, SiteLog } from './report.ts';

/** How a pipeline runs. */
export interface PipelineOptions {
  /** Go on when a rewrite that was asked for finds fewer places than asked for. Default false. */
  readonly allowMissing?: boolean;
  /** Called after each pass. */
  readonly onPass?: (report: PassReport) => void;
}

/** Passes to run one after the other. */
export interface Pipeline {
  readonly passes: readonly Pass[];
  /**
   * Runs the passes in order and checks the graph after each. When one fails, its edits are taken back; those of the
   * passes before it stay.
   *
   * @throws SdgraphError `E_GRAPH_INVALID` when the model is not sound to begin with, `E_PASS_BROKE_GRAPH`,
   * `E_REWRITE_MISSING`, and what the passes throw, with the name of the pass in `where.pass`
   */
  run(model: Model, options?: PipelineOptions): Promise<Report>;
}

/** How many near misses an error lists. */
const MISSES_SHOWN = 3;

/** Puts passes into a pipeline. */
export function pipeline(passes: readonly Pass[]): Pipeline {
  return {
    passes,
    async run(model, options = {}) {
      requireSound(model);
      const before = countNodes(model);
      const reports: PassReport[] = [];
      for (const pass of passes) {
        const report = runPass(model, pass, options.allowMissing ?? false);
        reports.push(report);
        options.onPass?.(report);
      }
      const changed = reports.some((report) => report.changed);
      return { passes: reports, changed, nodes: { before, after: countNodes(model) } };
    },
  };
}

function runPass(model: Model, pass: Pass, allowMissing: boolean): PassReport {
  const started = performance.now();
  const before = countNodes(model);
  const { revision } = model;
  const log = new SiteLog();
  try {
    model.transaction(() => {
      pass.run(contextFor(model, log));
      if (model.revision !== revision) checkSound(model, pass);
      if (!allowMissing) checkExpected(pass, log.sites);
    });
  } catch (error) {
    throw named(error, pass);
  }
  return {
    pass: pass.name,
    sites: log.sites,
    notes: log.notes,
    changed: model.revision !== revision,
    nodes: { before, after: countNodes(model) },
    milliseconds: performance.now() - started,
  };
}

function contextFor(model: Model, report: SiteLog): PassContext {
  let inferred: { revision: number; shapes: Inference } | undefined;
  return {
    model,
    report,
    shapes: () => {
      if (inferred?.revision !== model.revision) inferred = { revision: model.revision, shapes: inferShapes(model) };
      return inferred.shapes;
    },
  };
}

function checkSound(model: Model, pass: Pass): void {
  try {
    requireSound(model);
  } catch (cause) {
    if (!(cause instanceof SdgraphError)) throw cause;
    throw new SdgraphError(
      'E_PASS_BROKE_GRAPH',
      `the pass left the graph broken: ${cause.reason}`,
      { ...cause.where, pass: pass.name },
      { cause, hint: 'this is a defect of the pass; nothing was changed' },
    );
  }
}

function checkExpected(pass: Pass, sites: readonly Site[]): void {
  const { applied, present } = countSites(sites);
  const wanted = pass.expects === 'any' ? 0 : pass.expects === 'some' ? 1 : pass.expects;
  if (applied + present >= wanted) return;
  const misses = sites.filter(({ status }) => status === 'refused' || status === 'skipped');
  const nearest = misses.toSorted((a, b) => rank(a) - rank(b)).slice(0, MISSES_SHOWN);
  const shown = nearest.map(({ node, reason }) => `${node}: ${reason}`).join('; ');
  throw new SdgraphError(
    'E_REWRITE_MISSING',
    applied + present === 0 ? 'nothing in the model matched' : 'fewer places matched than asked for',
    { pass: pass.name },
    {
      expected: pass.expects === 'some' ? 'at least one' : String(wanted),
      found: `${applied + present}${shown === '' ? '' : `; nearest: ${shown}`}`,
      hint: 'leave the rewrite out, or go on without it with --allow-missing',
    },
  );
}

/** Refused places are nearer to a match than skipped ones. */
function rank({ status }: Site): number {
  return status === 'refused' ? 0 : 1;
}

function named(error: unknown, pass: Pass): unknown {
  if (!(error instanceof SdgraphError) || error.where.pass !== undefined) return error;
  const { code, reason, where, expected, found, hint, cause } = error;
  const details = { expected, found, hint, cause };
  const known = Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
  return new SdgraphError(code, reason, { ...where, pass: pass.name }, known);
}

/** Nodes in all scopes. */
export function countNodes(model: Model): number {
  let count = 0;
  for (const graph of model.scopes()) count += graph.nodes.size;
  return count;
}
