/// Stand-in until the state is written.
pub struct StateTable {}
