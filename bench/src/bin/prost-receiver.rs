//! The peer for ingest: an OTLP receiver on `tonic` and OpenTelemetry's generated `prost` types that decodes every
//! request and keeps nothing. What it takes is the floor for receivers that build message objects.

use std::io::Write;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::{Request, Response, Status};

#[derive(Debug, Default)]
struct DecodeOnly;

#[tonic::async_trait]
impl TraceService for DecodeOnly {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        std::hint::black_box(scopes.map(|scope| scope.spans.len()).sum::<usize>());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let service = TraceServiceServer::new(DecodeOnly).max_decoding_message_size(64 << 20);
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}
