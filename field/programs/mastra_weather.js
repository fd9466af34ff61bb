// The weather agent, its workflow and its memory as Mastra's guides have them, as a service, with storage in PostgreSQL.
//   mastra_weather.js DATABASE-PORT WEATHER-PORT PORT
const http = require('http');
const path = require('path');
const { createRequire } = require('module');
const need = createRequire(path.join(process.env.PLACE, 'package.json'));
const { Mastra } = need('@mastra/core');
const { Agent } = need('@mastra/core/agent');
const { createTool } = need('@mastra/core/tools');
const { createStep, createWorkflow } = need('@mastra/core/workflows');
const { Memory } = need('@mastra/memory');
const { PostgresStore } = need('@mastra/pg');
const { createOpenAI } = need('@ai-sdk/openai');
const { z } = need('zod');

const [database, weather, port] = process.argv.slice(2);
const model = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: 'x' }).chat('gpt-4o-mini');
const storage = new PostgresStore({ connectionString: `postgresql://field@127.0.0.1:${database}/field` });
const memory = new Memory({ storage, options: { lastMessages: 10, workingMemory: { enabled: false } } });
const ask = async (what) => (await fetch(`http://127.0.0.1:${weather}/${what}`)).json();

const weatherTool = createTool({
  id: 'get-weather',
  description: 'Get current weather for a location',
  inputSchema: z.object({ location: z.string().describe('City name') }),
  execute: async ({ context }) => {
    const place = await ask(`search?name=${encodeURIComponent(context.location)}`);
    return ask(`forecast?latitude=${place.latitude}&longitude=${place.longitude}`);
  },
});
const weatherAgent = new Agent({
  name: 'Weather Agent', instructions: 'You are a helpful weather assistant that provides accurate weather information.', model, memory, tools: { weatherTool },
});
const planner = new Agent({ name: 'Planner', instructions: 'You plan activities that suit the weather.', model });

const forecast = z.object({ date: z.string(), max: z.number(), min: z.number(), rain: z.number(), location: z.string() });
const fetchWeather = createStep({
  id: 'fetch-weather', inputSchema: z.object({ city: z.string() }), outputSchema: forecast,
  execute: async ({ inputData }) => {
    const place = await ask(`search?name=${encodeURIComponent(inputData.city)}`);
    return { ...await ask(`forecast?latitude=${place.latitude}&longitude=${place.longitude}`), location: inputData.city };
  },
});
const planActivities = createStep({
  id: 'plan-activities', inputSchema: forecast, outputSchema: z.object({ activities: z.string() }),
  execute: async ({ inputData }) => ({ activities: (await planner.generate(`Suggest activities for this forecast: ${JSON.stringify(inputData)}`)).text }),
});
const weatherWorkflow = createWorkflow({ id: 'weather-workflow', inputSchema: z.object({ city: z.string() }), outputSchema: z.object({ activities: z.string() }) })
  .then(fetchWeather).then(planActivities);
weatherWorkflow.commit();
const mastra = new Mastra({ agents: { weatherAgent, planner }, workflows: { weatherWorkflow }, storage, logger: false });

const routes = {
  'POST /chat': async (url, body) => {
    const answer = await mastra.getAgent('weatherAgent').generate(body.message, { memory: { thread: body.thread, resource: body.person } });
    return { text: answer.text };
  },
  'POST /plan': async (url, body) => {
    const run = await mastra.getWorkflow('weatherWorkflow').createRunAsync();
    const result = await run.start({ inputData: { city: body.city } });
    return { status: result.status, result: result.result };
  },
  'GET /threads': (url) => memory.getThreadsByResourceId({ resourceId: url.searchParams.get('person') }),
  'GET /messages': async (url) => (await memory.query({ threadId: url.searchParams.get('thread'), resourceId: url.searchParams.get('person') })).uiMessages,
  'GET /runs': () => mastra.getWorkflow('weatherWorkflow').getWorkflowRuns({ limit: 10 }),
};

(async () => {
  await storage.init();
  http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    let text = '';
    for await (const part of request) text += part;
    try {
      const value = await routes[`${request.method} ${url.pathname}`](url, text ? JSON.parse(text) : undefined);
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(value ?? null));
    } catch (error) {
      console.error(error);
      response.statusCode = 500;
      response.end();
    }
  }).listen(Number(port), '127.0.0.1');
})();
