# The examples that ask OpenAI's API and need nothing more, on a stand-in that fills in what they extract.
python3 "$PROGRAMS/extractor.py" 23030 & server=$!
sleep 1
export OPENAI_BASE_URL=http://127.0.0.1:23030/v1 OPENAI_API_KEY=x
for example in simple-extraction/user simple-extraction/maybe_user classification/simple_prediction classification/multi_prediction \
  validators/chain_of_thought_validator validators/competitors multi-actions/run parallel/run iterables/run batch-classification/run \
  batch-classification/run-cache auto-ticketer/run crm/run union/run hooks/run learn-async/run extracting-pii/run partial_streaming/run \
  stream_action_items/run synethic-data/run timestamps/run asyncio-benchmarks/run fizzbuzz/run llm-judge-relevance/run logging/run \
  caching/run openai/run; do
  (cd "${example%/*}" && timeout 60 opentelemetry-instrument python "${example#*/}.py")
done
kill $server
