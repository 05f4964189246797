import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryCollection;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.backend.memory.index.MemoryUniqueIndex;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The memory of the test server, with indexes for the queries of the store. Without them, every write that checks a
 * revision, every page and every history scans its collection, because mongo-java-server uses an index only for a query
 * by its fields alone. An index selects documents; the server still matches each of them with the query.
 */
final class IndexedBackend extends MemoryBackend {
    @Override
    public MemoryDatabase openOrCreateDatabase(String name) {
        return new IndexedDatabase(name, getCursorRegistry());
    }

    private static final class IndexedDatabase extends MemoryDatabase {
        IndexedDatabase(String name, CursorRegistry cursors) {
            super(name, cursors);
        }

        @Override
        protected MemoryCollection openOrCreateCollection(String name, CollectionOptions options) {
            return new IndexedCollection(this, name, options, cursorRegistry);
        }

        @Override
        protected Index<Integer> openOrCreateUniqueIndex(String collection, String name, List<IndexKey> keys, boolean sparse) {
            boolean isId = keys.size() == 1 && keys.get(0).getKey().equals("_id");
            return isId ? new IdIndex(name, keys, sparse) : super.openOrCreateUniqueIndex(collection, name, keys, sparse);
        }

        @Override
        protected Index<Integer> openOrCreateSecondaryIndex(String collection, String name, List<IndexKey> keys, boolean sparse) {
            boolean isByValue = keys.size() == 2 && keys.get(0).getKey().equals("index") && keys.get(1).getKey().equals("_id");
            return isByValue ? new ValueIndex(name, keys) : super.openOrCreateSecondaryIndex(collection, name, keys, sparse);
        }
    }

    private static final class IndexedCollection extends MemoryCollection {
        IndexedCollection(MongoDatabase database, String name, CollectionOptions options, CursorRegistry cursors) {
            super(database, name, options, cursors);
        }

        /** The positions of every index are in the order of the ids, so that a page ends at its limit without a sort. */
        @Override
        protected QueryResult matchDocuments(
                Document query, Iterable<Integer> positions, Document order, int skip, int limit, int batch, Document fields) {
            boolean isSorted = order != null && order.keySet().equals(Set.of("_id"))
                && order.get("_id") instanceof Number number && number.intValue() == 1;
            if (!isSorted) {
                return super.matchDocuments(query, positions, order, skip, limit, batch, fields);
            }
            Stream<Document> documents = StreamSupport.stream(positions.spliterator(), false).map(this::getDocument);
            return matchDocumentsFromStream(query, documents, skip, limit, batch, null, fields);
        }
    }

    /** Returns the exclusive lower bound in {$gt: "..."}, or null for another condition. */
    private static String lowerBound(Object condition) {
        boolean isRange = condition instanceof Document document && document.keySet().equals(Set.of("$gt"));
        return isRange && ((Document) condition).get("$gt") instanceof String bound ? bound : null;
    }

    /** The index of _id. It also serves {_id: "...", other fields} and {_id: {$gt: "..."}, other fields}. */
    private static final class IdIndex extends MemoryUniqueIndex {
        private final NavigableMap<String, Integer> texts = new TreeMap<>();

        IdIndex(String name, List<IndexKey> keys, boolean sparse) {
            super(name, keys, sparse);
        }

        @Override
        protected synchronized boolean putKeyPosition(KeyValue key, Integer position) {
            boolean isAdded = super.putKeyPosition(key, position);
            if (isAdded && key.get(0) instanceof String text) {
                texts.put(text, position);
            }
            return isAdded;
        }

        @Override
        protected synchronized Integer removeDocument(KeyValue key) {
            if (key.get(0) instanceof String text) {
                texts.remove(text);
            }
            return super.removeDocument(key);
        }

        @Override
        public synchronized boolean canHandle(Document query) {
            Object id = query.get("_id");
            boolean isText = id instanceof String || lowerBound(id) != null;
            return super.canHandle(query) || (isText && !query.containsKey("index") && !query.containsKey("$or"));
        }

        @Override
        public synchronized Iterable<Integer> getPositions(Document query) {
            Object id = query.get("_id");
            String bound = lowerBound(id);
            if (bound != null) {
                return texts.tailMap(bound, false).values();
            }
            return id instanceof String text ? texts.subMap(text, true, text, true).values() : super.getPositions(query);
        }
    }

    /** The index {index: 1, _id: 1}. It serves {index: {k: ..., v: ...}}, also with {_id: {$gt: "..."}}. */
    private static final class ValueIndex extends Index<Integer> {
        private final Map<Object, NavigableMap<String, Integer>> values = new HashMap<>();

        ValueIndex(String name, List<IndexKey> keys) {
            super(name, keys, true);
        }

        private static Collection<?> valuesOf(Document document) {
            return document.get("index") instanceof Collection<?> entries ? new ArrayList<>(entries) : List.of();
        }

        @Override
        public synchronized void add(Document document, Integer position, MongoCollection<Integer> collection) {
            for (Object value : valuesOf(document)) {
                values.computeIfAbsent(value, absent -> new TreeMap<>()).put((String) document.get("_id"), position);
            }
        }

        @Override
        public synchronized Integer remove(Document document) {
            Integer position = null;
            for (Object value : valuesOf(document)) {
                NavigableMap<String, Integer> ids = values.get(value);
                if (ids == null) {
                    continue;
                }
                position = ids.remove((String) document.get("_id"));
                if (ids.isEmpty()) {
                    values.remove(value);
                }
            }
            return position;
        }

        @Override
        public synchronized void updateInPlace(Document old, Document changed, Integer position, MongoCollection<Integer> collection) {
            remove(old);
            add(changed, position, collection);
        }

        @Override
        public synchronized boolean canHandle(Document query) {
            boolean isByValue = query.get("index") instanceof Document value && value.keySet().equals(Set.of("k", "v"));
            boolean isById = query.size() == 1 || (query.size() == 2 && lowerBound(query.get("_id")) != null);
            return isByValue && isById;
        }

        @Override
        public synchronized Iterable<Integer> getPositions(Document query) {
            NavigableMap<String, Integer> ids = values.getOrDefault(query.get("index"), new TreeMap<>());
            String bound = lowerBound(query.get("_id"));
            return bound == null ? ids.values() : ids.tailMap(bound, false).values();
        }

        @Override
        public Integer getPosition(Document document) {
            return null; // the index of _id has it
        }

        @Override
        public void checkAdd(Document document, MongoCollection<Integer> collection) {
        }

        @Override
        public void checkUpdate(Document old, Document changed, MongoCollection<Integer> collection) {
        }

        @Override
        public synchronized long getCount() {
            return values.size();
        }

        @Override
        public long getDataSize() {
            return getCount();
        }

        @Override
        public void drop() {
        }
    }
}
