// Images over HTTP: node serve.mjs CHECKPOINT MODELS [PORT], then GET /?prompt=a+photo+of+a+cat&steps=20&seed=1
import { createServer } from 'node:http';
import { encodePng, openPipeline, SdgraphError } from 'sdgraph';

const [model, modelDir, port = '8080'] = process.argv.slice(2);
const pipeline = await openPipeline({ model, modelDir });

const server = createServer(async (request, response) => {
  const aborted = new AbortController();
  response.on('close', () => aborted.abort());
  try {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const prompts = query.get('prompt') ?? [];
    const steps = Number(query.get('steps') ?? 20);
    const seed = query.has('seed') ? Number(query.get('seed')) : undefined;
    const images = pipeline.generate({ prompts, steps, seed, signal: aborted.signal });
    for await (const { image } of images) {
      response.setHeader('content-type', 'image/png').end(encodePng(image));
    }
  } catch (error) {
    if (aborted.signal.aborted) process.stdout.write('client gone\n');
    const isRequest = ['E_PROMPTS', 'E_SCHEDULER', 'E_LATENTS', 'E_PIPELINE'].includes(error.code);
    response.writeHead(isRequest ? 400 : 500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(error instanceof SdgraphError ? error.message : 'internal error');
  }
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`));
process.once('SIGTERM', () => server.close(() => pipeline.close()));
