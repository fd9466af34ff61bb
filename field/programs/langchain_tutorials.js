// The tutorials of LangChain's documentation as an HTTP service: answers from what a search finds, an agent that searches
// itself, an agent that remembers its conversations, extraction, labels, and a summary of many texts.
// Structured answers come as a tool's call: the instrumentation of the OpenAI client breaks the client's own parsing.
//   langchain_tutorials.js PORT
const { createRequire } = require('module');
const from = createRequire(process.env.PLACE + '/package.json');
const http = require('http');
const fs = require('fs');
const path = require('path');
const { createAgent, tool, HumanMessage, SystemMessage } = from('langchain');
const { ChatOpenAI, OpenAIEmbeddings } = from('@langchain/openai');
const { MemoryVectorStore } = from('@langchain/classic/vectorstores/memory');
const { RecursiveCharacterTextSplitter } = from('@langchain/textsplitters');
const { ChatPromptTemplate } = from('@langchain/core/prompts');
const { StringOutputParser } = from('@langchain/core/output_parsers');
const { MemorySaver } = from('@langchain/langgraph');
const { z } = from('zod');

const configuration = { baseURL: process.env.OPENAI_BASE_URL };
const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'x', configuration });
const embeddings = new OpenAIEmbeddings({ model: 'text-embedding-3-large', apiKey: 'x', configuration, encodingFormat: 'float' });
const store = new MemoryVectorStore(embeddings);
const splitter = new RecursiveCharacterTextSplitter({ chunkSize: 600, chunkOverlap: 80 });
const texts = ['serve.py', 'model.py', 'browser.py'].map((name) => fs.readFileSync(path.join(__dirname, name), 'utf8'));

const retrieve = tool(async ({ query }) => {
  const found = await store.similaritySearch(query, 2);
  return found.map((it) => `Source: ${it.metadata.source}\nContent: ${it.pageContent}`).join('\n');
}, { name: 'retrieve', description: 'Retrieve information related to a query.', schema: z.object({ query: z.string() }) });
const getWeather = tool(({ city }) => `It's always sunny in ${city}!`, { name: 'get_weather', description: 'Get the weather for a given city.', schema: z.object({ city: z.string() }) });

const searcher = createAgent({ model, tools: [retrieve], systemPrompt: 'You have a tool that retrieves context from programs. Use it to answer.' });
const assistant = createAgent({ model, tools: [getWeather], checkpointer: new MemorySaver() });
const person = z.object({ name: z.string().describe('The name of the person'), hair_color: z.string(), height_in_meters: z.string() });
const classification = z.object({ sentiment: z.enum(['happy', 'neutral', 'sad']), aggressiveness: z.number(), language: z.string() });
const answer = ChatPromptTemplate.fromTemplate('Answer from this alone:\n{context}\n\nQuestion: {question}').pipe(model).pipe(new StringOutputParser());

const pages = {
  async answer(question) {
    const found = await store.similaritySearch(question, 4);
    return answer.invoke({ question, context: found.map((it) => it.pageContent).join('\n\n') });
  },
  async agent(question) {
    const { messages } = await searcher.invoke({ messages: [{ role: 'user', content: question }] });
    return messages.at(-1).content;
  },
  async chat(question, who) {
    const { messages } = await assistant.invoke({ messages: [{ role: 'user', content: question }] }, { configurable: { thread_id: who } });
    return messages.length;
  },
  async people(question) {
    return model.withStructuredOutput(z.object({ people: z.array(person) }), { name: 'people', method: 'functionCalling' }).invoke([new SystemMessage('Extract the people.'), new HumanMessage(question)]);
  },
  async label(question) {
    return model.withStructuredOutput(classification, { name: 'extractor', method: 'functionCalling' }).invoke(`Extract the desired information from the passage:\n${question}`);
  },
  async summary(question) {
    const parts = await splitter.splitText(texts[question.length % texts.length]);
    const short = await model.batch(parts.slice(0, 6).map((part) => `Write a concise summary of the following:\n${part}`), { maxConcurrency: 4 });
    return (await model.invoke(`Distill these summaries:\n${short.map((it) => it.content).join('\n')}`)).content;
  },
};

(async () => {
  const documents = await splitter.createDocuments(texts, texts.map((text, n) => ({ source: `text ${n}` })));
  await store.addDocuments(documents);
  http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    try {
      const page = pages[url.pathname.slice(1)];
      const value = page && await page(url.searchParams.get('q') ?? 'What is crawled?', url.searchParams.get('who') ?? 'ann');
      response.statusCode = page ? 200 : 404;
      response.end(JSON.stringify(value ?? null));
    } catch (error) {
      console.error(error);
      response.statusCode = 500;
      response.end();
    }
  }).listen(Number(process.argv[2]), '127.0.0.1');
})();
