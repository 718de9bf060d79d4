// A session of a published JavaScript client: node session.mjs MODULES PACKAGE PORT. Prints "done" at its end.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [modules, name, port] = process.argv.slice(2);
const { ChromaClient, AdminClient } = createRequire(`${modules}/`)(name);
const major = Number(name.match(/-(\d+)\.\d+\.\d+$/)[1]);

const embeddingFunction = {
  name: "lengths",
  generate: async (texts) => texts.map((text) => [text.length, text.charCodeAt(0), 1]),
  getConfig: () => ({}),
};
const place = major >= 3 ? { host: "localhost", port: Number(port) } : { path: `http://localhost:${port}` };
// From 3.0 on auth is deprecated, and forgotten by some requests; headers take its place.
if (process.env.AUTH) Object.assign(place, JSON.parse(process.env.AUTH)[major >= 3 ? "new" : "old"]);
const client = new ChromaClient(place);
const names = async () => (await client.listCollections()).map((each) => each.name ?? each).sort();
const fails = (promise, pattern) => assert.rejects(async () => promise, (error) => pattern.test(`${error.name} ${error.message}`));

assert.ok((await client.heartbeat()) > 0);
assert.ok(await client.version());
await client.reset();
assert.deepEqual(await names(), []);

const collection = await client.createCollection({
  name: "letters",
  metadata: { "hnsw:space": "cosine", topic: "alphabet" },
  embeddingFunction,
});
assert.equal(collection.name, "letters");
assert.equal(collection.metadata.topic, "alphabet");
await collection.add({
  ids: ["a", "b", "c"],
  embeddings: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  documents: ["first letter", "second letter", "third letter"],
  metadatas: [{ n: 1, vowel: true }, { n: 2, vowel: false }, { n: 3, vowel: false, weight: 0.5 }],
});
await collection.add({ ids: ["d"], documents: ["the fourth"] });
assert.equal(await collection.count(), 4);

let found = await collection.get({ ids: ["c", "a"], include: ["embeddings", "documents", "metadatas"] });
assert.deepEqual(found.ids, ["a", "c"]);
assert.deepEqual(found.documents, ["first letter", "third letter"]);
assert.deepEqual(found.metadatas[1], { n: 3, vowel: false, weight: 0.5 });
assert.deepEqual(found.embeddings, [[1, 0, 0], [0, 0, 1]]);
assert.deepEqual((await collection.get({ where: { n: { $gte: 2 } } })).ids, ["b", "c"]);
assert.deepEqual((await collection.get({ where: { $and: [{ n: { $in: [1, 2] } }, { vowel: false }] } })).ids, ["b"]);
assert.deepEqual((await collection.get({ whereDocument: { $contains: "second" } })).ids, ["b"]);
assert.deepEqual((await collection.get({ limit: 2, offset: 1 })).ids, ["b", "c"]);
assert.deepEqual((await collection.get({ ids: ["missing"] })).ids, []);
assert.deepEqual((await collection.peek({ limit: 2 })).ids, ["a", "b"]);

const near = await collection.query({ queryEmbeddings: [[0.9, 0.1, 0], [0, 0, 2]], nResults: 2 });
assert.deepEqual(near.ids[0], ["a", "d"]);
assert.equal(near.ids[1][0], "c");
assert.ok(Math.abs(near.distances[1][0]) < 1e-6);
assert.equal(near.documents[0][0], "first letter");
const texts = await collection.query({ queryTexts: ["the fourth"], nResults: 1, where: { n: { $ne: 1 } } });
assert.deepEqual(texts.ids, [["d"]]);

await collection.update({ ids: ["a"], metadatas: [{ n: 10 }], documents: ["first of all"], embeddings: [[1, 0.5, 0]] });
found = await collection.get({ ids: ["a"] });
assert.deepEqual(found.metadatas, [{ n: 10, vowel: true }]);
await collection.upsert({ ids: ["a", "e"], embeddings: [[1, 0, 0], [2, 2, 2]], metadatas: [{ n: 11 }, { n: 5 }] });
assert.equal(await collection.count(), 5);
await collection.delete({ ids: ["b"] });
await collection.delete({ where: { n: { $gt: 10 } } });
assert.deepEqual((await collection.get({})).ids, ["c", "d", "e"]);

await fails(collection.query({ queryEmbeddings: [[1]], nResults: 1 }), /dimension|Bad [Rr]equest/);
await fails(collection.get({ where: { n: { $near: 1 } } }), /\$near|operator|[Ii]nvalid|Bad [Rr]equest/);
await fails(client.createCollection({ name: "letters", embeddingFunction }), /Unique|already exists|resource|Conflict/);
await fails(client.createCollection({ name: "x", embeddingFunction }), /3 to 63|Bad [Rr]equest|Invalid/);
await fails(client.getCollection({ name: "missing", embeddingFunction }), /NotFound|InvalidCollection|not exist|not be found|Bad [Rr]equest/);

const same = await client.getOrCreateCollection({ name: "letters", embeddingFunction });
assert.equal(same.id, collection.id);
await collection.modify({ name: "renamed" });
assert.equal(await (await client.getCollection({ name: "renamed", embeddingFunction })).count(), 3);
await client.createCollection({ name: "other", embeddingFunction });
assert.deepEqual(await names(), ["other", "renamed"]);
assert.equal(await client.countCollections(), 2);

const admin = new AdminClient(place);
await admin.createTenant({ name: "acme" });
await fails(admin.createTenant({ name: "acme" }), /Unique|exists|resource|Conflict/);
await admin.createDatabase(major >= 3 ? { name: "archive", tenant: "acme" } : { name: "archive", tenantName: "acme" });
const elsewhere = new ChromaClient({ ...place, tenant: "acme", database: "archive" });
const many = await elsewhere.createCollection({ name: "many", embeddingFunction });
const numbers = [...Array(1000).keys()];
await many.add({ ids: numbers.map(String), embeddings: numbers.map((number) => [number, 1]) });
assert.equal(await many.count(), 1000);
assert.deepEqual((await many.query({ queryEmbeddings: [[500.2, 1]], nResults: 3 })).ids, [["500", "501", "499"]]);

if (major >= 3) {
  const spaced = await client.createCollection({
    name: "spaced",
    configuration: { hnsw: { space: "ip", ef_search: 50 } },
    embeddingFunction,
  });
  assert.equal(spaced.configuration.hnsw.space, "ip");
  assert.equal((await client.listCollections()).length, 3);
  assert.deepEqual(await spaced.delete({ ids: ["nothing"] }), { deleted: 0 });
}
await client.deleteCollection({ name: "renamed" });
await client.deleteCollection({ name: "other" });
console.log("done");
