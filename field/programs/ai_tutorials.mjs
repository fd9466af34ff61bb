// What the documentation of the AI SDK shows, as an HTTP service: generated text, structured data, tools, an agent,
// retrieval by embeddings, and a chain. Each call has the SDK's own telemetry switched on, as its page on telemetry says.
//   ai_tutorials.mjs PORT
import { createRequire } from 'module';
import { pathToFileURL } from 'url';

const require = createRequire(process.env.PLACE + '/package.json');
// Required, since the instrumentation that is preloaded does not see what is imported.
const http = require('http');
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { cosineSimilarity, embed, embedMany, generateText, Output, stepCountIs, streamText, tool, ToolLoopAgent } = await load('ai');
const { createOpenAI } = await load('@ai-sdk/openai');
const { z } = await load('zod');

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: 'x' });
const model = openai('gpt-4o');
const telemetry = (functionId) => ({ experimental_telemetry: { isEnabled: true, functionId } });

const recipe = z.object({ recipe: z.object({ name: z.string(), ingredients: z.array(z.object({ name: z.string(), amount: z.string() })), steps: z.array(z.string()) }) });
const weather = tool({
  description: 'Get the weather in a location',
  inputSchema: z.object({ location: z.string().describe('The location to get the weather for') }),
  execute: async ({ location }) => ({ location, temperature: 72 + Math.floor(Math.random() * 21) - 10 }),
});
const convert = tool({
  description: 'Convert a temperature from Fahrenheit to Celsius',
  inputSchema: z.object({ temperature: z.number() }),
  execute: async ({ temperature }) => ({ celsius: Math.round((temperature - 32) * (5 / 9)) }),
});
const agent = new ToolLoopAgent({ model, instructions: 'You answer questions on the weather.', tools: { weather, convert }, stopWhen: stepCountIs(5), ...telemetry('agent') });

const texts = Array.from({ length: 40 }, (_, n) => `Paragraph ${n}: a ${['sunny day at the beach', 'rainy afternoon in the city', 'snowy night in the mountains'][n % 3]}.`);
let store;

const pages = {
  async text(question) {
    return (await generateText({ model, prompt: question, ...telemetry('text') })).text;
  },
  async chat(question) {
    const result = streamText({ model, messages: [{ role: 'user', content: question }], ...telemetry('chat') });
    let text = '';
    for await (const part of result.textStream) text += part;
    return text;
  },
  async recipe(question) {
    return (await generateText({ model, output: Output.object({ schema: recipe }), prompt: `Generate a recipe: ${question}`, ...telemetry('recipe') })).output;
  },
  async tools(question) {
    const result = await generateText({ model, tools: { weather, convert }, stopWhen: stepCountIs(5), prompt: `What is the weather in ${question}?`, ...telemetry('tools') });
    return { text: result.text, steps: result.steps.length };
  },
  async agent(question) {
    return (await agent.generate({ prompt: `What is the weather in ${question}?` })).text;
  },
  async retrieval(question) {
    if (!store) {
      const { embeddings } = await embedMany({ model: openai.embeddingModel('text-embedding-3-small'), values: texts, ...telemetry('load') });
      store = embeddings.map((embedding, n) => ({ embedding, text: texts[n] }));
    }
    const { embedding } = await embed({ model: openai.embeddingModel('text-embedding-3-small'), value: question, ...telemetry('question') });
    const near = store.map((item) => ({ ...item, score: cosineSimilarity(embedding, item.embedding) })).sort((a, b) => b.score - a.score).slice(0, 4);
    return (await generateText({ model, prompt: `Answer from this:\n${near.map((it) => it.text).join('\n')}\n\nQuestion: ${question}`, ...telemetry('answer') })).text;
  },
  async chain(question) {
    const ideas = await generateText({ model, prompt: `Generate 10 ideas for a blog post about ${question}.`, ...telemetry('ideas') });
    const best = await generateText({ model, prompt: `Here are some ideas:\n${ideas.text}\nPick the best idea and explain why.`, ...telemetry('best') });
    return (await generateText({ model, prompt: `Create a detailed outline for this idea:\n${best.text}`, ...telemetry('outline') })).text;
  },
};

http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const page = pages[url.pathname.slice(1)];
  try {
    if (!page) throw new Error(`no page ${url.pathname}`);
    response.end(JSON.stringify(await page(url.searchParams.get('q'))));
  } catch (error) {
    console.error(url.pathname, error);
    response.statusCode = 500;
    response.end(String(error));
  }
}).listen(Number(process.argv[2]), '127.0.0.1');
