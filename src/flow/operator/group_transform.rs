//! soon
pub trait GroupFunction {}
pub struct GroupTransform {}
