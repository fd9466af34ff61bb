// The server of Apollo's Lift-off tutorial: tracks with authors and modules from a REST API by a data source.
//   apollo_liftoff.js API PORT
const modules = process.env.PLACE + '/node_modules/';
const { ApolloServer } = require(modules + '@apollo/server');
const { startStandaloneServer } = require(modules + '@apollo/server/dist/cjs/standalone/index.js');
const { RESTDataSource } = require(modules + '@apollo/datasource-rest');
const [api, port] = process.argv.slice(2);

class TrackAPI extends RESTDataSource {
  baseURL = api;
  getTracksForHome() { return this.get('tracks'); }
  getAuthor(authorId) { return this.get(`author/${authorId}`); }
  getTrack(trackId) { return this.get(`track/${trackId}`); }
  getTrackModules(trackId) { return this.get(`track/${trackId}/modules`); }
  getModule(moduleId) { return this.get(`module/${moduleId}`); }
  incrementTrackViews(trackId) { return this.patch(`track/${trackId}/numberOfViews`); }
}

const typeDefs = `#graphql
  type Query { tracksForHome: [Track!]!  track(id: ID!): Track!  module(id: ID!): Module! }
  type Mutation { incrementTrackViews(id: ID!): IncrementTrackViewsResponse! }
  type IncrementTrackViewsResponse { code: Int!  success: Boolean!  message: String!  track: Track }
  type Track { id: ID!  title: String!  author: Author!  thumbnail: String  length: Int  modulesCount: Int  description: String  numberOfViews: Int  modules: [Module!]! }
  type Author { id: ID!  name: String!  photo: String }
  type Module { id: ID!  title: String!  length: Int  content: String  videoUrl: String }
`;

const resolvers = {
  Query: {
    tracksForHome: (_, __, { dataSources }) => dataSources.trackAPI.getTracksForHome(),
    track: (_, { id }, { dataSources }) => dataSources.trackAPI.getTrack(id),
    module: (_, { id }, { dataSources }) => dataSources.trackAPI.getModule(id),
  },
  Mutation: {
    incrementTrackViews: async (_, { id }, { dataSources }) => {
      try {
        const track = await dataSources.trackAPI.incrementTrackViews(id);
        return { code: 200, success: true, message: `Successfully incremented number of views for track ${id}`, track };
      } catch (error) {
        return { code: error.extensions.response.status, success: false, message: error.extensions.response.body, track: null };
      }
    },
  },
  Track: {
    author: ({ authorId }, _, { dataSources }) => dataSources.trackAPI.getAuthor(authorId),
    modules: ({ id }, _, { dataSources }) => dataSources.trackAPI.getTrackModules(id),
  },
};

async function main() {
  const server = new ApolloServer({ typeDefs, resolvers });
  await startStandaloneServer(server, {
    listen: { port: Number(port), host: '127.0.0.1' },
    context: async () => ({ dataSources: { trackAPI: new TrackAPI({ cache: server.cache }) } }),
  });
}

process.on('SIGINT', () => process.exit(0));
main();
