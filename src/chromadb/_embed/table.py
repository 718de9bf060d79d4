"""The table of embedding functions: names, classes, public paths, extras, and the tests that prove them.

The registry and the public package are made from it; the extras, the public modules and the documentation agree with
it, tests see to that. A provider that is new is a module in `providers`, a public module that re-exports it, a row
here, and, where it speaks HTTP, its format in `tests/unit/embed/wire_formats`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["local", "hosted", "server", "pictures", "adapter", "sparse", "discontinued"]

_WIRE = "tests/unit/embed/providers/test_wire.py"
_LOCAL = "tests/unit/embed/test_local_models.py"
_PROVIDERS = "chromadb._embed.providers"


class Row(NamedTuple):
    """An embedding function."""

    name: str
    """By which collections remember it."""
    title: str
    """Of the provider, in the documentation."""
    path: str
    """``module:Class`` inside."""
    module: str
    """Below ``chromadb.utils.embedding_functions``, where it is imported from."""
    kind: Kind
    """local: a model on this machine; hosted: a service with a key; server: one that users run themselves."""
    tests: str
    """The file, and for those that share one the case, that proves it."""
    extra: str | None = None
    """Of this distribution, that installs what it needs; None: nothing is needed."""
    key: str | None = None
    """The environment variable of the key, by default."""
    also: str | None = None
    """Another name by which it is known."""

    @property
    def class_name(self) -> str:
        """The name of the class."""
        return self.path.partition(":")[2]


FUNCTIONS: tuple[Row, ...] = (
    Row(
        "default",
        "Default (all-MiniLM-L6-v2)",
        "chromadb._embed.default:DefaultEmbeddingFunction",
        "",
        "local",
        "tests/unit/embed/test_onnx_minilm.py",
    ),
    Row(
        "onnx_mini_lm_l6_v2",
        "all-MiniLM-L6-v2 by onnxruntime",
        "chromadb._embed.onnx_minilm:ONNXMiniLM_L6_V2",
        "onnx_mini_lm_l6_v2",
        "local",
        "tests/unit/embed/test_onnx_minilm.py",
    ),
    Row(
        "sentence_transformer",
        "Sentence Transformers",
        "chromadb._embed.sentence_transformer:SentenceTransformerEmbeddingFunction",
        "sentence_transformer_embedding_function",
        "local",
        "tests/unit/embed/test_sentence_transformer.py",
        extra="sentence-transformers",
    ),
    Row(
        "open_clip",
        "OpenCLIP",
        "chromadb._embed.open_clip:OpenCLIPEmbeddingFunction",
        "open_clip_embedding_function",
        "pictures",
        "tests/unit/embed/test_open_clip.py",
        extra="open-clip",
    ),
    Row(
        "roboflow",
        "Roboflow Inference",
        f"{_PROVIDERS}.roboflow:RoboflowEmbeddingFunction",
        "roboflow_embedding_function",
        "pictures",
        "tests/unit/embed/test_roboflow.py",
        extra="images",
        key="CHROMA_ROBOFLOW_API_KEY",
    ),
    Row(
        "instructor",
        "Instructor",
        "chromadb._embed.instructor:InstructorEmbeddingFunction",
        "instructor_embedding_function",
        "local",
        _LOCAL,
        extra="sentence-transformers",
    ),
    Row(
        "text2vec",
        "Text2Vec",
        "chromadb._embed.text2vec:Text2VecEmbeddingFunction",
        "text2vec_embedding_function",
        "local",
        _LOCAL,
        extra="text2vec",
    ),
    Row(
        "langchain",
        "LangChain",
        "chromadb._embed.langchain:ChromaLangchainEmbeddingFunction",
        "chroma_langchain_embedding_function",
        "adapter",
        "tests/unit/embed/test_langchain.py",
        extra="langchain",
        also="chroma_langchain",
    ),
    Row(
        "amazon_bedrock",
        "Amazon Bedrock",
        f"{_PROVIDERS}.amazon_bedrock:AmazonBedrockEmbeddingFunction",
        "amazon_bedrock_embedding_function",
        "hosted",
        f"{_WIRE}::amazon_bedrock",
        extra="bedrock",
        key="AWS_ACCESS_KEY_ID",
    ),
    Row(
        "baseten",
        "Baseten",
        f"{_PROVIDERS}.baseten:BasetenEmbeddingFunction",
        "baseten_embedding_function",
        "hosted",
        f"{_WIRE}::baseten",
        extra="openai",
        key="CHROMA_BASETEN_API_KEY",
    ),
    Row(
        "chroma-cloud-qwen",
        "Chroma Cloud Qwen",
        f"{_PROVIDERS}.chroma_cloud:ChromaCloudQwenEmbeddingFunction",
        "chroma_cloud_qwen_embedding_function",
        "hosted",
        f"{_WIRE}::chroma-cloud-qwen",
        key="CHROMA_API_KEY",
    ),
    Row(
        "cloudflare_workers_ai",
        "Cloudflare Workers AI",
        f"{_PROVIDERS}.cloudflare_workers_ai:CloudflareWorkersAIEmbeddingFunction",
        "cloudflare_workers_ai_embedding_function",
        "hosted",
        f"{_WIRE}::cloudflare_workers_ai",
        key="CHROMA_CLOUDFLARE_API_KEY",
    ),
    Row(
        "cohere",
        "Cohere",
        f"{_PROVIDERS}.cohere:CohereEmbeddingFunction",
        "cohere_embedding_function",
        "hosted",
        f"{_WIRE}::cohere",
        extra="cohere",
        key="CHROMA_COHERE_API_KEY",
    ),
    Row(
        "google_gemini",
        "Google Gemini",
        f"{_PROVIDERS}.google:GoogleGeminiEmbeddingFunction",
        "google_embedding_function",
        "hosted",
        f"{_WIRE}::google_gemini",
        extra="google-genai",
        key="GEMINI_API_KEY",
        also="google_genai",
    ),
    Row(
        "google_generative_ai",
        "Google Generative AI",
        f"{_PROVIDERS}.google:GoogleGenerativeAiEmbeddingFunction",
        "google_embedding_function",
        "hosted",
        f"{_WIRE}::google_generative_ai",
        extra="google-generativeai",
        key="GEMINI_API_KEY",
    ),
    Row(
        "google_palm",
        "Google PaLM",
        f"{_PROVIDERS}.google_palm:GooglePalmEmbeddingFunction",
        "google_embedding_function",
        "discontinued",
        "tests/unit/embed/providers/test_google.py",
    ),
    Row(
        "google_vertex",
        "Google Vertex AI",
        f"{_PROVIDERS}.google_vertex:GoogleVertexEmbeddingFunction",
        "google_embedding_function",
        "hosted",
        f"{_WIRE}::google_vertex",
        key="CHROMA_GOOGLE_VERTEX_API_KEY",
    ),
    Row(
        "huggingface",
        "Hugging Face",
        f"{_PROVIDERS}.huggingface:HuggingFaceEmbeddingFunction",
        "huggingface_embedding_function",
        "hosted",
        f"{_WIRE}::huggingface",
        key="CHROMA_HUGGINGFACE_API_KEY",
    ),
    Row(
        "huggingface_server",
        "Hugging Face embedding server",
        f"{_PROVIDERS}.huggingface:HuggingFaceEmbeddingServer",
        "huggingface_embedding_function",
        "server",
        f"{_WIRE}::huggingface_server",
    ),
    Row(
        "jina",
        "Jina AI",
        f"{_PROVIDERS}.jina:JinaEmbeddingFunction",
        "jina_embedding_function",
        "hosted",
        f"{_WIRE}::jina",
        key="CHROMA_JINA_API_KEY",
    ),
    Row(
        "mistral",
        "Mistral AI",
        f"{_PROVIDERS}.mistral:MistralEmbeddingFunction",
        "mistral_embedding_function",
        "hosted",
        f"{_WIRE}::mistral",
        extra="mistral",
        key="MISTRAL_API_KEY",
    ),
    Row(
        "morph",
        "Morph",
        f"{_PROVIDERS}.morph:MorphEmbeddingFunction",
        "morph_embedding_function",
        "hosted",
        f"{_WIRE}::morph",
        extra="openai",
        key="MORPH_API_KEY",
    ),
    Row(
        "nomic",
        "Nomic",
        f"{_PROVIDERS}.nomic:NomicEmbeddingFunction",
        "nomic_embedding_function",
        "hosted",
        f"{_WIRE}::nomic",
        key="NOMIC_API_KEY",
    ),
    Row(
        "ollama",
        "Ollama",
        f"{_PROVIDERS}.ollama:OllamaEmbeddingFunction",
        "ollama_embedding_function",
        "server",
        f"{_WIRE}::ollama",
        extra="ollama",
    ),
    Row(
        "openai",
        "OpenAI, Azure OpenAI",
        f"{_PROVIDERS}.openai:OpenAIEmbeddingFunction",
        "openai_embedding_function",
        "hosted",
        f"{_WIRE}::openai",
        extra="openai",
        key="CHROMA_OPENAI_API_KEY",
    ),
    Row(
        "perplexity",
        "Perplexity",
        f"{_PROVIDERS}.perplexity:PerplexityEmbeddingFunction",
        "perplexity_embedding_function",
        "hosted",
        f"{_WIRE}::perplexity",
        extra="perplexity",
        key="PERPLEXITY_API_KEY",
    ),
    Row(
        "together_ai",
        "Together AI",
        f"{_PROVIDERS}.together_ai:TogetherAIEmbeddingFunction",
        "together_ai_embedding_function",
        "hosted",
        f"{_WIRE}::together_ai",
        key="CHROMA_TOGETHER_AI_API_KEY",
    ),
    Row(
        "voyageai",
        "Voyage AI",
        f"{_PROVIDERS}.voyageai:VoyageAIEmbeddingFunction",
        "voyageai_embedding_function",
        "hosted",
        f"{_WIRE}::voyageai",
        extra="voyageai",
        key="CHROMA_VOYAGE_API_KEY",
    ),
    Row(
        "chroma_bm25",
        "BM25",
        "chromadb._embed.sparse.bm25:ChromaBm25EmbeddingFunction",
        "chroma_bm25_embedding_function",
        "sparse",
        "tests/unit/embed/sparse/test_bm25.py",
        extra="bm25",
    ),
    Row(
        "chroma-cloud-splade",
        "Chroma Cloud Splade",
        f"{_PROVIDERS}.chroma_cloud:ChromaCloudSpladeEmbeddingFunction",
        "chroma_cloud_splade_embedding_function",
        "sparse",
        "tests/unit/embed/providers/test_chroma_cloud.py",
        key="CHROMA_API_KEY",
    ),
    Row(
        "bm25",
        "BM25 of fastembed",
        "chromadb._embed.sparse.fastembed:Bm25EmbeddingFunction",
        "bm25_embedding_function",
        "sparse",
        "tests/unit/embed/sparse/test_fastembed.py",
        extra="fastembed",
    ),
    Row(
        "fastembed_sparse",
        "Fastembed, sparse",
        "chromadb._embed.sparse.fastembed:FastembedSparseEmbeddingFunction",
        "fastembed_sparse_embedding_function",
        "sparse",
        "tests/unit/embed/sparse/test_fastembed.py",
        extra="fastembed",
    ),
    Row(
        "huggingface_sparse",
        "Hugging Face, sparse",
        "chromadb._embed.sparse.huggingface:HuggingFaceSparseEmbeddingFunction",
        "huggingface_sparse_embedding_function",
        "sparse",
        _LOCAL,
        extra="sentence-transformers",
    ),
)


def registered() -> dict[str, str]:
    """Return ``module:Class`` by name, for the registry."""
    return _by_name(row for row in FUNCTIONS if row.kind != "sparse")


def registered_sparse() -> dict[str, str]:
    """Return ``module:Class`` by name, for the registry of sparse functions."""
    return _by_name(row for row in FUNCTIONS if row.kind == "sparse")


def public() -> dict[str, str]:
    """Return the module of every public class by its name."""
    return {row.class_name: row.path.partition(":")[0] for row in FUNCTIONS}


def _by_name(rows: Iterable[Row]) -> dict[str, str]:
    return {name: row.path for row in rows for name in (row.name, row.also) if name}
