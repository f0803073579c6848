//! The table of the APIs, and the way of a request: decode, hand over, encode.
//!
//! The greatest versions are low on purpose. Newer ones ask for topics by id (Fetch 13, Produce 13), for several coordinators or groups at
//! once (FindCoordinator 4, OffsetFetch 8), or belong to protocols of clusters; every client falls back to what is offered.

use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::{Buf, Bytes};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};

use super::frame::{Frame, Outgoing};
use super::protocol::Call;
use super::state::Core;
use super::{
    admin, config_admin, fetch, group_admin, group_offset, membership, metadata, offset, produce, transaction_api,
};

/// An API with its least and greatest version.
struct Api(ApiKey, i16, i16);

/// Every API that is served.
const APIS: &[Api] = &[
    Api(ApiKey::Produce, 3, 9),
    Api(ApiKey::Fetch, 4, 12),
    Api(ApiKey::ListOffsets, 1, 7),
    Api(ApiKey::Metadata, 0, 12),
    Api(ApiKey::OffsetCommit, 2, 8),
    Api(ApiKey::OffsetFetch, 1, 7),
    Api(ApiKey::FindCoordinator, 0, 3),
    Api(ApiKey::JoinGroup, 0, 7),
    Api(ApiKey::Heartbeat, 0, 4),
    Api(ApiKey::LeaveGroup, 0, 4),
    Api(ApiKey::SyncGroup, 0, 5),
    Api(ApiKey::DescribeGroups, 0, 5),
    Api(ApiKey::ListGroups, 0, 5),
    Api(ApiKey::ApiVersions, 0, 3),
    Api(ApiKey::CreateTopics, 2, 7),
    Api(ApiKey::DeleteTopics, 1, 6),
    Api(ApiKey::DeleteRecords, 0, 2),
    Api(ApiKey::InitProducerId, 0, 4),
    Api(ApiKey::OffsetForLeaderEpoch, 2, 4),
    Api(ApiKey::AddPartitionsToTxn, 0, 3),
    Api(ApiKey::AddOffsetsToTxn, 0, 3),
    Api(ApiKey::EndTxn, 0, 3),
    Api(ApiKey::TxnOffsetCommit, 0, 3),
    Api(ApiKey::DescribeConfigs, 1, 4),
    Api(ApiKey::AlterConfigs, 0, 2),
    Api(ApiKey::DescribeLogDirs, 1, 4),
    Api(ApiKey::CreatePartitions, 0, 3),
    Api(ApiKey::DeleteGroups, 0, 2),
    Api(ApiKey::IncrementalAlterConfigs, 0, 1),
    Api(ApiKey::OffsetDelete, 0, 0),
    Api(ApiKey::DescribeCluster, 0, 1),
    Api(ApiKey::DescribeProducers, 0, 0),
    Api(ApiKey::DescribeTransactions, 0, 0),
    Api(ApiKey::ListTransactions, 0, 1),
    Api(ApiKey::ConsumerGroupHeartbeat, 0, 1),
];

/// Answers one request; `None` if the client wants no answer.
///
/// # Errors
/// If the request cannot be understood: the connection is to be closed, for what follows cannot be understood either.
pub(super) async fn answer(
    core: &Core,
    peer: IpAddr,
    local: SocketAddr,
    mut frame: Bytes,
) -> io::Result<Option<Outgoing>> {
    let frame_bytes = frame.len();
    if frame_bytes < 8 {
        return Err(unintelligible("a request of less than 8 bytes"));
    }
    let number = (&frame[..2]).get_i16();
    let version = (&frame[2..4]).get_i16();
    let api = APIS.iter().find(|api| api.0 as i16 == number);
    let Some(&Api(key, least, greatest)) = api else {
        return Err(unintelligible(format!("unknown API {number}")));
    };
    if !(least..=greatest).contains(&version) {
        if key != ApiKey::ApiVersions {
            return Err(unintelligible(format!("unsupported version {version} of {key:?}")));
        }
        // The client learns from the oldest form of the answer which versions it may use (KIP-511).
        let correlation_id = (&frame[4..8]).get_i32();
        let exchange = Exchange { core, call: call(0, None, peer, local), correlation_id, body: Bytes::new() };
        let refused = api_versions().with_error_code(ResponseError::UnsupportedVersion.code());
        return exchange.reply(&refused).map(Some);
    }
    let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).map_err(invalid)?;
    let correlation_id = header.correlation_id;
    let exchange = Exchange { core, call: call(version, Some(header), peer, local), correlation_id, body: frame };
    match key {
        ApiKey::Produce => exchange.produce(frame_bytes),
        ApiKey::Fetch => exchange.fetch().await.map(Some),
        ApiKey::JoinGroup => {
            let request = exchange.decode()?;
            exchange.reply(&membership::join(core, &exchange.call, request).await).map(Some)
        }
        ApiKey::SyncGroup => {
            let request = exchange.decode()?;
            exchange.reply(&membership::sync(core, &exchange.call, request).await).map(Some)
        }
        _ => exchange.immediate(key).map(Some),
    }
}

/// One request and what its answer needs.
struct Exchange<'a> {
    core: &'a Core,
    call: Call,
    correlation_id: i32,
    body: Bytes,
}

impl Exchange<'_> {
    /// Answers a request that never waits.
    fn immediate(&self, key: ApiKey) -> io::Result<Outgoing> {
        match key {
            ApiKey::ListOffsets => self.answer(offset::list),
            ApiKey::Metadata => self.answer(metadata::metadata),
            ApiKey::OffsetCommit => self.answer(group_offset::commit),
            ApiKey::OffsetFetch => self.answer(group_offset::fetch),
            ApiKey::FindCoordinator => self.answer(metadata::find_coordinator),
            ApiKey::Heartbeat => self.answer(membership::heartbeat),
            ApiKey::LeaveGroup => self.answer(membership::leave),
            ApiKey::DescribeGroups => self.answer(group_admin::describe),
            ApiKey::ListGroups => self.answer(group_admin::list),
            ApiKey::ApiVersions => self.answer(|_: &Core, _: &Call, _: ApiVersionsRequest| api_versions()),
            ApiKey::CreateTopics => self.answer(admin::create_topics),
            ApiKey::DeleteTopics => self.answer(admin::delete_topics),
            ApiKey::DeleteRecords => self.answer(admin::delete_records),
            ApiKey::InitProducerId => self.answer(transaction_api::init_producer_id),
            ApiKey::OffsetForLeaderEpoch => self.answer(offset::for_leader_epoch),
            ApiKey::AddPartitionsToTxn => self.answer(transaction_api::add_partitions),
            ApiKey::AddOffsetsToTxn => self.answer(transaction_api::add_offsets),
            ApiKey::EndTxn => self.answer(transaction_api::end),
            ApiKey::TxnOffsetCommit => self.answer(transaction_api::commit_offsets),
            ApiKey::DescribeConfigs => self.answer(config_admin::describe),
            ApiKey::AlterConfigs => self.answer(config_admin::alter),
            ApiKey::DescribeLogDirs => self.answer(admin::log_directories),
            ApiKey::CreatePartitions => self.answer(admin::create_partitions),
            ApiKey::DeleteGroups => self.answer(group_admin::delete),
            ApiKey::IncrementalAlterConfigs => self.answer(config_admin::alter_incrementally),
            ApiKey::OffsetDelete => self.answer(group_offset::delete),
            ApiKey::DescribeCluster => self.answer(metadata::cluster),
            ApiKey::DescribeProducers => self.answer(transaction_api::describe_producers),
            ApiKey::DescribeTransactions => self.answer(transaction_api::describe),
            ApiKey::ListTransactions => self.answer(transaction_api::list),
            ApiKey::ConsumerGroupHeartbeat => self.answer(membership::refuse_new_protocol),
            other => Err(unintelligible(format!("{other:?} is in the table of APIs but has no handler"))),
        }
    }

    fn answer<Q: Request>(&self, handle: impl FnOnce(&Core, &Call, Q) -> Q::Response) -> io::Result<Outgoing> {
        self.reply(&handle(self.core, &self.call, self.decode()?))
    }

    fn produce(&self, frame_bytes: usize) -> io::Result<Option<Outgoing>> {
        let request: kafka_protocol::messages::ProduceRequest = self.decode()?;
        let wants_answer = request.acks != 0;
        let response = produce::produce(self.core, &self.call, request, frame_bytes);
        if wants_answer { self.reply(&response).map(Some) } else { Ok(None) }
    }

    async fn fetch(&self) -> io::Result<Outgoing> {
        let mut frame = self.head(kafka_protocol::messages::FetchResponse::header_version(self.call.version))?;
        fetch::fetch(self.core, &self.call, self.decode()?, &mut frame).await?;
        Ok(frame.finish())
    }

    fn decode<Q: Decodable>(&self) -> io::Result<Q> {
        Q::decode(&mut self.body.clone(), self.call.version).map_err(invalid)
    }

    fn reply<R: Encodable + HeaderVersion>(&self, response: &R) -> io::Result<Outgoing> {
        let mut frame = self.head(R::header_version(self.call.version))?;
        response.encode(frame.tail(), self.call.version).map_err(invalid)?;
        Ok(frame.finish())
    }

    fn head(&self, header_version: i16) -> io::Result<Frame> {
        let mut frame = Frame::default();
        let header = ResponseHeader::default().with_correlation_id(self.correlation_id);
        header.encode(frame.tail(), header_version).map_err(invalid)?;
        Ok(frame)
    }
}

fn api_versions() -> ApiVersionsResponse {
    let version =
        |api: &Api| ApiVersion::default().with_api_key(api.0 as i16).with_min_version(api.1).with_max_version(api.2);
    ApiVersionsResponse::default().with_api_keys(APIS.iter().map(version).collect())
}

fn call(version: i16, header: Option<RequestHeader>, peer: IpAddr, local: SocketAddr) -> Call {
    let client_id = header.and_then(|header| header.client_id).unwrap_or_default();
    Call { version, client_id, peer, local }
}

fn unintelligible(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::super::BrokerOptions;
    use super::*;

    #[test]
    fn the_table_is_in_order_and_within_what_can_be_decoded() {
        assert!(APIS.is_sorted_by_key(|api| api.0 as i16));
        for Api(key, least, greatest) in APIS {
            let valid = key.valid_versions();
            assert!(least <= greatest && valid.min <= *least && *greatest <= valid.max, "{key:?}");
        }
    }

    #[tokio::test]
    async fn every_api_has_a_handler_and_nonsense_closes_the_connection() {
        let core = Core::new(BrokerOptions::default());
        let local = core.options.listen;
        for Api(key, least, _) in APIS {
            let frame = [&(*key as i16).to_be_bytes()[..], &least.to_be_bytes(), &[0; 4], &[255; 2]].concat();
            let error = answer(&core, local.ip(), local, frame.into()).await.err().map(|error| error.to_string());
            assert!(!error.is_some_and(|error| error.contains("no handler")), "{key:?}");
        }
        for nonsense in [&[][..], &[0; 7], &[0x7f; 20], &[0, 0, 0x7f, 0xff, 0, 0, 0, 0]] {
            assert!(answer(&core, local.ip(), local, Bytes::from_static(nonsense)).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_client_from_the_future_learns_the_versions() {
        let core = Core::new(BrokerOptions::default());
        let local = core.options.listen;
        let request = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 7]);
        let mut outgoing = answer(&core, local.ip(), local, request).await.unwrap().unwrap();
        let mut bytes = outgoing.copy_to_bytes(outgoing.remaining());
        assert_eq!((bytes.get_i32() as usize, bytes.get_i32()), (bytes.len() + 4, 7));
        let response = ApiVersionsResponse::decode(&mut bytes, 0).unwrap();
        assert_eq!((response.error_code, response.api_keys.len()), (35, APIS.len()));
    }
}
